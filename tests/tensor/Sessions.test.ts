import * as Fs from "node:fs";
import * as Os from "node:os";
import { describe, expect, it } from "vitest";
import * as Random from "../../src/random/Random.ts";
import { gradients } from "../../src/tensor/Gradient.ts";
import { type AdamOptions, Graph } from "../../src/tensor/Graph.ts";
import type { Initial, Session } from "../../src/tensor/Session.ts";
import { executors, expectClose } from "./Executors.ts";

const all = await executors("wasm");
const graphDirectories = () =>
  Fs.readdirSync(Os.tmpdir()).filter((name) => name.startsWith("drydock-graph-")).length;

/** Values from the name and shape alone: the same for every session. */
const initial =
  (seed: number): Initial =>
  (name, shape) => {
    const random = Random.make(`${seed}/${name}`);
    return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal() * 0.3);
  };

/** Two hidden layers, cross-entropy, Adam with clipping and decay: programs "step" and "forward". */
const mlp = () => {
  const g = new Graph();
  const shapes = { w1: [6, 16], b1: [16], w2: [16, 5] } as const;
  const [w1, b1, w2] = [
    g.variable("w1", shapes.w1),
    g.variable("b1", shapes.b1),
    g.variable("w2", shapes.w2),
  ];
  const x = g.feed("x", [12, 6]);
  const labels = g.feed("labels", [12], "int32");
  const logits = g.matMul(g.tanh(g.add(g.matMul(x, w1), b1)), w2);
  const loss = g.mean(g.sparseCrossEntropy(logits, labels));
  g.program("forward", { fetches: { loss, logits } });
  const grads = gradients(g, loss, [w1, b1, w2]);
  const norm = g.sqrt(grads.map((d) => g.sum(g.square(d))).reduce((a, b) => g.add(a, b)));
  const scale = g.minimum(g.div(1, norm), 1);
  const options: AdamOptions = {
    learningRate: g.feed("learningRate", []),
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    beta1Power: g.feed("beta1Power", []),
    beta2Power: g.feed("beta2Power", []),
    weightDecay: 0.01,
  };
  for (const [i, name] of ["w1", "b1", "w2"].entries())
    g.adam(name, g.mul(grads[i] ?? scale, scale), options);
  g.program("step", { fetches: { loss, norm } });
  return g;
};

const batch = (step: number) => {
  const random = Random.make(`batch ${step}`);
  const labels = Int32Array.from({ length: 12 }, () => random.int(5));
  const x = Float32Array.from(
    { length: 72 },
    (_, i) => ((labels[Math.floor(i / 6)] ?? 0) === i % 6 ? 1 : 0) + random.normal() * 0.1,
  );
  return {
    x,
    labels,
    learningRate: Float32Array.of(0.02),
    beta1Power: Float32Array.of(0.9 ** step),
    beta2Power: Float32Array.of(0.99 ** step),
  };
};

const train = (session: Session, steps: number) =>
  Array.from({ length: steps }, (_, i) => session.run("step", batch(i + 1))["loss"]?.[0] ?? Number.NaN);

describe("training a small network", () => {
  it("is the same on every executor", () => {
    const runs = all.map(({ name, executor }) => {
      const session = executor.open(mlp(), initial(3));
      const losses = train(session, 40);
      const weights = ["w1", "b1", "w2", "w1/m", "w2/v"].map((key) => session.getVariable(key));
      session.dispose();
      return { name, losses, weights };
    });
    const reference = runs.at(-1) as (typeof runs)[0];
    expect(reference.losses.at(-1)).toBeLessThan(0.2 * reference.losses[0]);
    for (const { name, losses, weights } of runs) {
      expectClose(losses, reference.losses, 1e-4, name);
      for (const [i, w] of weights.entries()) {
        expectClose(w, reference.weights[i] ?? [], 1e-3, `${name}, variable ${i}`);
      }
    }
  });

  for (const { name, executor } of all) {
    it(`is bitwise repeatable, in two sessions at once, and goes on from a saved state (${name})`, () => {
      const [one, two] = [executor.open(mlp(), initial(3)), executor.open(mlp(), initial(3))];
      expect(train(one, 10)).toEqual(train(two, 10));
      const names = [...one.variables().keys()];
      expect(names.toSorted()).toEqual(["b1", "b1/m", "b1/v", "w1", "w1/m", "w1/v", "w2", "w2/m", "w2/v"]);
      const saved = one.getVariables(names);
      expect(saved).toEqual(two.getVariables(names));
      const next = one.run("step", batch(11));
      two.run("step", batch(99));
      two.setVariables(saved);
      expect(two.run("step", batch(11))).toEqual(next);
      expect(two.getVariable("w1")).toEqual(one.getVariable("w1"));
      one.dispose();
      two.dispose();
      expect(() => one.run("forward", batch(1))).toThrow(/disposed/);
    });

    it(`leaks no tensor and no directory (${name})`, () => {
      const directories = graphDirectories();
      const outside = executor.open(mlp(), initial(3));
      const before = outside.tensors();
      const session = executor.open(mlp(), initial(3));
      train(session, 2);
      const during = session.tensors();
      for (let i = 0; i < 100; i++) session.run(i % 2 === 0 ? "step" : "forward", forwardOrStep(i));
      expect(session.tensors()).toBe(during);
      expect(() => session.run("step", {})).toThrow(/the feed x is missing/);
      expect(session.tensors()).toBe(during);
      session.dispose();
      session.dispose();
      expect(outside.tensors()).toBe(before);
      outside.dispose();
      expect(graphDirectories()).toBeLessThanOrEqual(directories + 1);
    });
  }
  const forwardOrStep = (i: number) => batch(i + 1);
});

describe("Adam", () => {
  it("equals the formula in float64, with decoupled decay", () => {
    const [n, steps, rate, b1, b2, epsilon, decay] = [8, 30, 0.05, 0.9, 0.99, 1e-6, 0.1] as const;
    const start = initial(9)("w", [n], "float32") as Float32Array;
    const gradient = (step: number) => {
      const random = Random.make(`g ${step}`);
      return Float32Array.from({ length: n }, () => random.normal());
    };
    const w = Float64Array.from(start);
    const [m, v] = [new Float64Array(n), new Float64Array(n)];
    for (let t = 1; t <= steps; t++) {
      for (const [i, g] of gradient(t).entries()) {
        m[i] = b1 * m[i] + (1 - b1) * g;
        v[i] = b2 * v[i] + (1 - b2) * g * g;
        const size = (rate * Math.sqrt(1 - b2 ** t)) / (1 - b1 ** t);
        w[i] = w[i] * (1 - rate * decay) - (size * m[i]) / (Math.sqrt(v[i]) + epsilon);
      }
    }
    for (const { name, executor } of all) {
      const g = new Graph();
      g.variable("w", [n]);
      const powers = { beta1Power: g.feed("p1", []), beta2Power: g.feed("p2", []) };
      const options = {
        learningRate: rate,
        beta1: b1,
        beta2: b2,
        epsilon,
        weightDecay: decay,
        slots: "sft/w",
        ...powers,
      };
      g.adam("w", g.feed("g", [n]), options);
      g.program("step", { fetches: {} });
      const session = executor.open(g, () => start);
      for (let t = 1; t <= steps; t++) {
        session.run("step", { g: gradient(t), p1: Float32Array.of(b1 ** t), p2: Float32Array.of(b2 ** t) });
      }
      expectClose(session.getVariable("w"), w, 3e-6, name);
      expectClose(session.getVariable("sft/w/m"), m, 3e-6, name);
      expectClose(session.getVariable("sft/w/v"), v, 3e-6, name);
      session.dispose();
    }
  });
});

describe("effects come after reads", () => {
  for (const { name, executor } of all) {
    it(`assign, and gradient accumulation (${name})`, () => {
      const g = new Graph();
      const [w, acc, count] = [
        g.variable("w", [2]),
        g.variable("w/acc", [2]),
        g.variable("count", [], "int32"),
      ];
      const x = g.feed("x", [2]);
      g.assign("w/acc", g.add(acc, x));
      g.assign("count", g.add(count, 1));
      // The old value, although the program writes the variable.
      g.program("accumulate", { fetches: { before: acc, count } });
      g.assign("w", g.sub(w, acc));
      g.assign("w/acc", g.zeros([2]));
      g.program("apply", { fetches: {} });
      // Two variables exchange their values.
      g.assign("w", acc);
      g.assign("w/acc", w);
      g.program("exchange", { fetches: { w } });
      g.assign("w", x);
      g.program("fed", { fetches: {} });
      const session = executor.open(g, (key) => (key === "w" ? Float32Array.of(10, 20) : undefined));
      const x1 = Float32Array.of(1, 2);
      expect(session.run("accumulate", { x: x1 })).toEqual({
        before: Float32Array.of(0, 0),
        count: Int32Array.of(0),
      });
      expect(session.run("accumulate", { x: x1 })).toEqual({
        before: Float32Array.of(1, 2),
        count: Int32Array.of(1),
      });
      expect(session.run("apply", {})).toEqual({});
      expect(session.getVariable("w")).toEqual(Float32Array.of(8, 16));
      expect(session.getVariable("w/acc")).toEqual(Float32Array.of(0, 0));
      session.run("accumulate", { x: x1 });
      expect(session.run("exchange", {})).toEqual({ w: Float32Array.of(8, 16) });
      expect(session.getVariable("w")).toEqual(Float32Array.of(1, 2));
      expect(session.getVariable("w/acc")).toEqual(Float32Array.of(8, 16));
      const fed = Float32Array.of(5, 6);
      session.run("fed", { x: fed });
      fed.fill(0);
      expect(session.getVariable("w")).toEqual(Float32Array.of(5, 6));
      session.dispose();
    });

    it(`buffers are written in place and last between runs (${name})`, () => {
      const g = new Graph();
      const cache = g.buffer("cache", [4, 2]);
      const rows = g.feed("rows", [2], "int32");
      const x = g.feed("x", [2, 2]);
      const next = g.updateRows(cache, rows, x);
      g.program("write", { fetches: { sum: g.sum(g.mul(next, 2)) } });
      g.updateRows(
        g.updateRows(cache, rows, x),
        g.constant(Int32Array.of(0), [1]),
        g.constant(Float32Array.of(7, 7), [1, 2]),
      );
      g.program("write twice, fetch nothing", { fetches: {} });
      g.program("read", { fetches: { cache } });
      const session = executor.open(g, () => undefined);
      const values = () => Array.from(session.run("read", {})["cache"] ?? []);
      const feeds = { rows: Int32Array.of(1, 3), x: Float32Array.of(1, 2, 3, 4) };
      expect(values()).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
      expect(session.run("write", feeds)).toEqual({ sum: Float32Array.of(20) });
      expect(values()).toEqual([0, 0, 1, 2, 0, 0, 3, 4]);
      expect(session.run("write", { ...feeds, rows: Int32Array.of(0, 3) })).toEqual({
        sum: Float32Array.of(26),
      });
      expect(values()).toEqual([1, 2, 1, 2, 0, 0, 3, 4]);
      session.run("write twice, fetch nothing", feeds);
      expect(values()).toEqual([7, 7, 1, 2, 0, 0, 3, 4]);
      const tensors = session.tensors();
      for (let i = 0; i < 20; i++) session.run("write", feeds);
      expect(session.tensors()).toBe(tensors);
      session.clearBuffers();
      expect(values()).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
      session.run("write", feeds);
      session.clearBuffers();
      expect(values()).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
      session.dispose();
    });

    it(`bfloat16 variables and products (${name})`, () => {
      const g = new Graph();
      const w = g.variable("w", [2, 2], "bfloat16");
      const x = g.feed("x", [1, 2]);
      const y = g.matMul(g.cast(x, "bfloat16"), w);
      const [dx] = gradients(g, g.sum(g.cast(y, "float32")), [x]);
      g.program("p", { fetches: { y, z: g.mul(g.cast(y, "float32"), 2), dx: dx ?? x } });
      const session = executor.open(g, () => Float32Array.of(1, 2, 0.5, -1));
      const out = session.run("p", { x: Float32Array.of(2, 4) });
      expect(out).toEqual({
        y: Float32Array.of(4, 0),
        z: Float32Array.of(8, 0),
        dx: Float32Array.of(3, -0.5),
      });
      session.setVariable("w", Float32Array.of(1, 0, 0, 1));
      expect(session.getVariable("w")).toEqual(Float32Array.of(1, 0, 0, 1));
      session.dispose();
    });

    it(`wrong feeds and names are named (${name})`, () => {
      const session = executor.open(mlp(), initial(1));
      const good = batch(1);
      expect(() => session.run("evaluate", good)).toThrow(/no program evaluate; there are: forward, step/);
      expect(() => session.run("forward", { ...good, y: good.x })).toThrow(/no feed y; it takes: x, labels/);
      expect(() => session.run("forward", { ...good, x: good.x.slice(1) })).toThrow(
        /feed x: expected 72 elements for \[12,6\], found 71/,
      );
      expect(() => session.run("forward", { ...good, labels: good.x })).toThrow(
        /feed labels: expected a Int32Array for int32, found a Float32Array/,
      );
      expect(() => session.getVariable("w9")).toThrow(/no variable w9; there are: w1, b1, w2/);
      expect(() => session.setVariable("b1", new Float32Array(3))).toThrow(
        /variable b1: expected 16 elements/,
      );
      session.dispose();
    });
  }
});
