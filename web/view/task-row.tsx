import { useEffect, useId, useRef } from "preact/hooks";
import { formatAge } from "../../src/task/amounts.ts";
import { UNFINISHED } from "../../src/task/status.ts";
import type { Row } from "../model/row.ts";
import { PlayTask } from "./audio.tsx";
import { ChooseTask } from "./choice.tsx";
import { useApp } from "./context.ts";
import { Badge, Icon, Line } from "./parts.tsx";
import { TaskDetails } from "./task-details.tsx";

/** One task in a line, and under it, when it is open, all there is about it. */
export function TaskRow({ row }: { row: Row }) {
  const { tabOf, tasks, toggle: toggleRow, text } = useApp();
  const isOpen = tabOf(row.key) !== undefined;
  const toggle = () => toggleRow(row);
  const detailsId = useId();
  const item = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (tasks.namedKey.value === row.key) item.current!.scrollIntoView();
  }, []);
  return (
    <li ref={item} class={`task ${isOpen ? "open" : ""} ${row.left ? "left" : ""}`}>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/noStaticElementInteractions: a larger target for the mouse; its button has the keyboard. */}
      <div class="task-line" onClick={(event) => isPlainClick(event) && toggle()}>
        <ChooseTask row={row} />
        {row.isGone ? <span class="badge">{text.isDeleted}</span> : <Badge status={row.status} />}
        <button type="button" class="task-id" aria-expanded={isOpen} aria-controls={detailsId} onClick={toggle}>
          <Icon name="chevron" />
          <Line text={row.taskId} />
        </button>
        <Line box="span" class="task-user" text={row.userId} />
        <Line box="span" class={row.error === "" ? "task-text" : "task-text is-error"} text={row.error || row.text} />
        <span class="task-time">
          {row.isGone ? null : row.left ? text.left : <Times row={row} />}
          {row.progress && (
            <span class="progress run">
              <progress value={row.progress.done} max={row.progress.of} aria-label={text.progress} />
              {row.progress.text}
            </span>
          )}
        </span>
        <PlayTask row={row} />
      </div>
      <section id={detailsId} class="task-details" aria-label={text.details(row.taskId)} hidden={!isOpen}>
        {isOpen && <TaskDetails row={row} />}
      </section>
    </li>
  );
}

/** Selecting a text doesn't open the row. */
function isPlainClick(event: MouseEvent): boolean {
  const isControl = (event.target as Element).closest("button, a, label") !== null;
  return !isControl && (getSelection()?.isCollapsed ?? true);
}

/** The last change, and how long the task took until then. */
function Times({ row }: { row: Row }) {
  const { preferences, clock, now, language } = useApp();
  if (clock === null) return null;
  const format = preferences.times.value;
  const { createdAt, updatedAt, status } = row;
  const seconds = clock.epochOf(updatedAt) - clock.epochOf(createdAt);
  return (
    <>
      <time title={clock.exact(updatedAt)}>
        {format === "ago" ? clock.ago(updatedAt, now, language) : clock.stamp(updatedAt, format === "utc")}
      </time>
      {seconds >= 0 && !UNFINISHED.includes(status) && <span class="duration"> · {formatAge(seconds)}</span>}
    </>
  );
}
