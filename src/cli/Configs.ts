/** What ships with Drydock, found wherever the command is called from. */
import { fileURLToPath } from "node:url";

/** The directory that Drydock is installed in. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));
/** Its configurations. */
export const CONFIGS: string = fileURLToPath(new URL("../../configs", import.meta.url));
