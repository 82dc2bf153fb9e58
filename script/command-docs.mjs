// The head of each page in docs/commands: what the command does, its flags and its examples, from commander's definitions.
// `npm run docs` writes it, in test/cli/command-docs.test.ts, which loads the definitions.

const END = "<!-- `npm run docs` writes everything above this line. -->\n";
const GROUPS = ["Options:", "Selection:", "Safety:", "Output:", "Connection:"];

/** The page of a command with its head as the definitions have it. @param remarks the help text below the flags */
export function commandPage(page, command, remarks) {
  const [, examples] = remarks.split(/^Examples:\n/m);
  const alias = command.aliases().map((name) => `, ${code(`ttsctl ${name}`)} for short`);
  const flags = [...argumentsOf(command), ...optionsOf(command)];
  const head = [
    `# ttsctl ${command.name()}`,
    `${capitalised(command.description())}.`,
    `${code(`ttsctl ${command.name()} ${command.usage()}`)}${alias.join("")}`,
    flags.length === 0 ? undefined : table(["flag", "meaning"], flags),
    "[Flags of every command](README.md#flags-of-every-command)",
    `\`\`\`sh\n${commented(examples)}\`\`\``,
  ];
  const [, text = ""] = page.split(END);
  return `${head.filter((part) => part !== undefined).join("\n\n")}\n\n${END}${text}`;
}

/** docs/commands/README.md, which ends with the flags that all commands have. */
export function commonPage(page, program) {
  const [text] = page.split(/^\|/m);
  const flags = optionsOf(program).filter(([flag]) => !flag.includes("--version"));
  return `${text}${table(["flag", "meaning"], flags)}\n`;
}

function table(head, rows) {
  return [head, head.map(() => "---"), ...rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")))]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

function argumentsOf(command) {
  return command.registeredArguments
    .filter(({ description }) => description !== "")
    .map((argument) => [code(argument.name()), meaning(argument)]);
}

function optionsOf(command) {
  const place = ({ helpGroupHeading = "Options:" }) => GROUPS.indexOf(helpGroupHeading);
  const isOfList = choosesAsList(command);
  const options = command.options.toSorted((a, b) => place(a) - place(b));
  const first = options.findIndex(isOfList);
  return options.flatMap((option, i) => {
    if (isOfList(option)) return i === first ? [CHOOSING] : [];
    return [[option.flags.split(", ").map(code).join(", "), meaning(option)]];
  });
}

/** In place of the flags that choose tasks, of which only the page of `list` has a table. */
const CHOOSING = ["the filters of [`list`](list.md)", "choose tasks: by user, ids, status, time and more"];
/** `events` and `top` have only some. */
const MOST_LISTED = 3;

function choosesAsList(command) {
  const list = command.parent?.commands.find((other) => other.name() === "list");
  const isOfList = ({ flags, description, helpGroupHeading }) =>
    helpGroupHeading === "Selection:" &&
    list?.options.some((option) => option.flags === flags && option.description === description);
  const isListed = command === list || command.options.filter(isOfList).length <= MOST_LISTED;
  return isListed ? () => false : isOfList;
}

function meaning({ description, argChoices, defaultValue }) {
  const notes = argChoices === undefined ? [] : [argChoices.join(", ")];
  if (typeof defaultValue === "string") notes.push(`default: ${defaultValue}`);
  return (notes.length === 0 ? description : `${description} (${notes.join("; ")})`).replaceAll("<", "&lt;");
}

/** Examples of a help text with their remarks as comments. */
function commented(examples) {
  const rows = [...examples.trimEnd().matchAll(/^ {2}(\S.*?)(?: {2,}(\S.*))?$/gm)].map(([, line, remark]) => [
    line,
    remark,
  ]);
  const width = Math.max(...rows.map(([line]) => line.length));
  return rows
    .map(([line, remark]) => (remark === undefined ? line : `${line.padEnd(width)}  # ${remark}`))
    .map((line) => `${line}\n`)
    .join("");
}

function code(words) {
  return `\`${words}\``;
}

function capitalised(text) {
  return text[0].toUpperCase() + text.slice(1);
}
