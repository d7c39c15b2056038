/** Training steps of SmolLM2-135M, every weight trained, T 256, batch 4: tokens/s beside PyTorch. */
import { bench } from "./Training.ts";

export default (args: ReadonlyArray<string>) => bench("full", args);
