/** Where a key is typed into something. */
const TYPED = "input:not([type=checkbox]), select, textarea, audio, dialog, .bars";

/** The keys of the page: `/` finds, `j` and `k` go through the rows, `x` chooses one, `?` shows the keys. */
export function followKeys(): void {
  addEventListener("keydown", (event) => {
    const target = event.target as Element;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest(TYPED) !== null) return;
    const act = ACTIONS[event.key];
    if (act === undefined || document.querySelector("dialog[open]") !== null) return;
    event.preventDefault();
    act();
  });
}

const ACTIONS: Readonly<Record<string, () => void>> = {
  "/": () => document.querySelector<HTMLInputElement>("input[name=search]")?.select(),
  j: () => step(1),
  k: () => step(-1),
  x: () => rows()[current()]?.querySelector<HTMLElement>("input[name=task]")?.click(),
  "?": () => {
    const summary = document.querySelector<HTMLElement>(".keys > summary");
    summary?.focus();
    summary?.click();
  },
};

function rows(): Element[] {
  return [...document.querySelectorAll(".task")];
}

/** The row with the focus; -1 for none. */
function current(): number {
  return rows().findIndex((row) => row.contains(document.activeElement));
}

function step(by: number): void {
  const next = rows()[Math.max(0, current() + by)];
  next?.querySelector<HTMLElement>(".task-id")?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
