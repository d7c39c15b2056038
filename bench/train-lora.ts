/** Training steps of SmolLM2-135M, LoRA of rank 8 on q and v, T 256, batch 4; --dtype bf16 stores the frozen weights in bfloat16: tokens/s beside PyTorch. */
import { bench } from "./Training.ts";

export default (args: ReadonlyArray<string>) => bench("lora", args);
