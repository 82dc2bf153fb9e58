// Draws docs/terminal.svg, the picture at the top of the READMEs, from what script/demo prints. A test runs the commands in it again.
//
//     script/demo | node script/terminal-picture.mjs > docs/terminal.svg
import { fileURLToPath } from "node:url";
import stringWidth from "string-width";

/** Steps of the demo, by the start of their title, of which the first command is shown. */
const STEPS = ["Redis is up:", "Redis dies", "Cleanup, for real"];
const COLUMNS = 104;
const [CELL, ROW, MARGIN, TITLE_BAR] = [8.4, 19, 16, 30];
const COLORS = {
  bold: "#1f2328",
  dim: "#6e7781",
  green: "#1a7f37",
  red: "#cf222e",
  yellow: "#9a6700",
  cyan: "#0969da",
};
const STATUSES = { wait: "yellow", run: "cyan", done: "green", error: "red" };

/** The chosen steps of the demo's output: their titles, and the lines of one command. */
export function stepsOf(demo) {
  const parts = demo.split(/^ *\d+ {2}(?=\S)/m);
  return STEPS.map((start) => {
    const part = parts.find((text) => text.startsWith(start));
    const [title] = (part ?? "").split("\n");
    const [, shown] = /\n {4}(\$ .*?)\n {4}(?:ok|FAILED) /s.exec(part ?? "") ?? [];
    if (shown === undefined) throw new Error(`no step ${start} in the output of script/demo`);
    const plain = shown
      .replace(/^ {4}/gm, "")
      .replace(/\/\S*\/(?=purged\.jsonl)/, "")
      .replaceAll(/\/\S*\/service\b/g, "/srv/tts")
      .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:6379");
    return { title, lines: plain.split("\n") };
  });
}

export function pictureOf(steps) {
  let row = 0;
  const texts = steps.flatMap(({ title, lines }, i) => {
    if (i > 0) row++;
    return [[`# ${title}`, [["dim", `# ${title}`]]], ...lines.map((line) => [line, piecesOf(line)])].map(
      ([line, pieces]) => {
        const rows = wrapped(pieces);
        const spans = rows.flatMap((pieces) => spansOf(pieces, row++));
        return `<text data-line="${escaped(line)}">${spans.join("")}</text>\n`;
      },
    );
  });
  const [width, height] = [COLUMNS * CELL + 2 * MARGIN, TITLE_BAR + row * ROW + 2 * MARGIN];
  const dots = ["#ff5f57", "#febc2e", "#28c840"].map(
    (fill, i) => `<circle cx="${20 + i * 18}" cy="16" r="5.5" fill="${fill}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="ttsctl in a terminal: sync, a list while Redis is down, and a cleanup">
<!-- script/terminal-picture.mjs writes this file. -->
<style>text{font:14px ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Noto Sans Mono CJK SC","PingFang SC","Microsoft YaHei",monospace;white-space:pre;fill:#1f2328}${Object.entries(
    COLORS,
  )
    .map(([name, fill]) => `.${name}{fill:${fill}${name === "bold" ? ";font-weight:bold" : ""}}`)
    .join("")}</style>
<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8" fill="#ffffff" stroke="#d0d7de"/>
<path d="M.5 ${TITLE_BAR}H${width - 0.5}" stroke="#d0d7de"/>
${dots.join("")}
${texts.join("")}</svg>
`;
}

/** The lines of a picture, from which its steps are read again. */
export function linesOf(picture) {
  return [...picture.matchAll(/<text data-line="([^"]*)">/g)].map(([, line]) =>
    line.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&"),
  );
}

/** A line as texts with colours: those that the program has on a terminal. */
function piecesOf(line) {
  if (line.startsWith("$ "))
    return [
      ["dim", "$ "],
      ["bold", line.slice(2)],
    ];
  if (/^[A-Z]+( +[A-Z]+)+$/.test(line)) return [["bold", line]];
  const [, prefix, rest] = /^(warning:|error:|\[CLEANUP\])(.*)$/.exec(line) ?? [];
  if (prefix !== undefined)
    return [
      [{ "warning:": "yellow", "error:": "red" }[prefix] ?? "cyan", prefix],
      ["", rest],
    ];
  const [, ids, status, after] = /^(\S+ +\S+ +)(wait|run|done|error)( .*)$/.exec(line) ?? [];
  return status === undefined
    ? [["", line]]
    : [
        ["", ids],
        [STATUSES[status], status],
        ["", after],
      ];
}

/** Breaks pieces where a terminal would. */
function wrapped(pieces) {
  const rows = [[]];
  let used = 0;
  for (const [color, text] of pieces) {
    for (const character of text) {
      const width = stringWidth(character);
      if (used + width > COLUMNS) {
        rows.push([]);
        used = 0;
      }
      used += width;
      rows.at(-1).push({ color, character, width });
    }
  }
  return rows;
}

/** Each run of characters of one colour and width is where its cells are, whatever the font. */
function spansOf(cells, row) {
  const spans = [];
  let column = 0;
  for (const { color, character, width } of cells) {
    const last = spans.at(-1);
    if (last !== undefined && last.color === color && last.width === width) last.text += character;
    else spans.push({ color, width, column, text: character });
    column += width;
  }
  const y = (TITLE_BAR + MARGIN + (row + 0.75) * ROW).toFixed(1);
  return spans
    .filter(({ text }) => text.trim() !== "")
    .map(({ color, width, column, text }) => {
      const [x, length] = [MARGIN + column * CELL, [...text].length * width * CELL].map((n) => n.toFixed(1));
      const style = color === "" ? "" : ` class="${color}"`;
      return `<tspan x="${x}" y="${y}" textLength="${length}" lengthAdjust="spacingAndGlyphs"${style}>${escaped(text)}</tspan>`;
    });
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let demo = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) demo += chunk;
  process.stdout.write(pictureOf(stepsOf(demo)));
}
