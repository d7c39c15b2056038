/** What the option parser says: help where it was asked for, one message where an invocation is wrong. */
import * as Console from "effect/Console";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import * as CliConfig from "effect/cli/CliConfig";
import * as CliOutput from "effect/cli/CliOutput";
import * as GlobalFlag from "effect/cli/GlobalFlag";
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities";

const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, " ").trim();

const presenter: CliOutput.Presenter = {
  present: Effect.fnUntraced(function* (event) {
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities;
    const formatter = CliOutput.defaultFormatter({ colors: canColor, globalFlags: "none" });
    switch (event._tag) {
      case "Help":
        // A command without its subcommand is a mistake, and fails: its help is no result.
        return yield* (event.reason === "Requested" ? Console.log : Console.error)(
          formatter.formatHelpDoc(event.helpDoc),
        );
      case "InvalidInvocation": {
        const problems = event.errors.map((error) => oneLine(formatter.formatCliError(error)));
        return yield* Console.error(
          `drydock: ${problems.join("\n  ")}\n  What to do: ${event.commandPath.join(" ")} --help shows what it takes`,
        );
      }
      case "Version":
        return yield* Console.log(event.version);
    }
  }),
};

/** Help without the options that explain nothing: the wizard and the log level. */
export const layer = Layer.mergeAll(
  CliOutput.layerPresenter(presenter),
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
);
