/** Training steps of a Llama of 0.87 million parameters (d 128, 4 layers, T 128, batch 8), every weight trained: tokens/s beside PyTorch. */
import { bench } from "./Training.ts";

export default (args: ReadonlyArray<string>) => bench("small", args);
