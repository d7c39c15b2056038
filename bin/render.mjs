// Renders chat templates, which come with model files and are not trusted, for src/model/tokenizer/TemplateProcess.ts: one
// message in, one out. Its parent kills it when it takes too long; Node ends it when it needs too much memory.
import { Template } from "@huggingface/jinja";

/** Characters that a chat may have: what is sent back is copied several times. */
const LONGEST = 2 ** 24;

process.on("message", ({ template, variables }) => {
  try {
    const text = new Template(template).render(variables);
    if (text.length > LONGEST) {
      throw new Error(`it wrote ${text.length} characters, expected at most ${LONGEST}`);
    }
    process.send({ text });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    process.send({ error: message.slice(0, 500) });
  }
});
