/** Training steps of SmolLM2-135M frozen, value heads trained by CQL, T 256, batch 4, the policy's forward pass included: tokens/s beside PyTorch. */
import { bench } from "./Training.ts";

export default (args: ReadonlyArray<string>) => bench("heads", args);
