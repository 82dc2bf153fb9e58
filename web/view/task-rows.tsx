import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Failure } from "../api/failure.ts";
import { countOf, NO_FILTER } from "../model/filter.ts";
import type { View } from "../state/task-list.ts";
import { useApp } from "./context.ts";
import { useCopy } from "./copy.ts";
import { Button, Notice } from "./parts.tsx";
import { TaskRow } from "./task-row.tsx";

/** Ids are answered in one page, of thousands if so many were asked for; so many rows are drawn at a time. */
const STEP = 200;

/** The rows, or why the list is empty and what to do. */
export function TaskRows() {
  const { tasks, text } = useApp();
  const view = tasks.view.value;
  if (view !== null) {
    const { dangling } = view.answer.body;
    return (
      <>
        <Linked />
        <Missing view={view} />
        {dangling > 0 && <p class="quiet aside">{text.dangling(dangling)}</p>}
        <Stopped view={view} />
        {view.rows.length === 0 ? <Empty view={view} /> : <Rows key={view.request} view={view} />}
      </>
    );
  }
  const failure = tasks.failure.value;
  if (failure === null) return <p class="quiet centred">{text.reading}</p>;
  return <Notice kind="error" title={text.failed} failure={failure} retry={() => tasks.show()} />;
}

function Rows({ view }: { view: View }) {
  const { tasks, audio, reading, text } = useApp();
  const more = useSignal(STEP);
  const named = view.rows.findIndex(({ key }) => key === tasks.namedKey.value);
  const drawn = Math.max(more.value, Math.ceil((named + 1) / STEP) * STEP);
  const rest = view.rows.length - drawn;
  useEffect(() => {
    void audio.look(view.rows.slice(0, drawn));
  }, [view.rows, drawn]);
  return (
    <>
      <ol class="tasks" ref={reading.list} aria-label={text.tasks}>
        {view.rows.slice(0, drawn).map((row) => (
          <TaskRow key={row.key} row={row} />
        ))}
      </ol>
      {rest > 0 && (
        <Button kind="more" label={text.showMore(Math.min(STEP, rest))} press={() => (more.value = drawn + STEP)} />
      )}
    </>
  );
}

function show(box: Element | null): void {
  box?.scrollIntoView({ block: "center" });
}

/** The task that the address names, if it isn't on the page. */
function Linked() {
  const { tasks, text } = useApp();
  const linked = tasks.linked.value;
  const task = tasks.task.value;
  if (linked === null || task === null) return null;
  if (linked === "missing") {
    return (
      <div ref={show}>
        <Notice kind="warning" title={text.linkedMissing} hint={`${task.taskId} ${text.ofUser(task.userId)}`} />
      </div>
    );
  }
  if (linked instanceof Failure) return <Notice kind="error" title={text.linkedFailed} failure={linked} />;
  return (
    <>
      <p class="quiet aside">{text.linked}</p>
      <ol class="tasks" aria-label={text.linked}>
        <TaskRow key={linked.key} row={linked} />
      </ol>
    </>
  );
}

/** Ids that were asked for and that neither store has. */
function Missing({ view }: { view: View }) {
  const { text } = useApp();
  const copy = useCopy();
  const { missing } = view.answer.body;
  if (missing.length === 0) return null;
  const ids = missing.join("\n");
  return (
    <Notice kind="warning" title={text.missing(missing.length)}>
      <textarea class="missing" readOnly rows={Math.min(missing.length, 6)} aria-label={text.missingIds} value={ids} />
      <Button label={text.copyAll} onClick={copy(ids, text.missingIds, text.copied(missing.length))} />
    </Notice>
  );
}

/** Where a search stopped before its end, and how to go on. */
function Stopped({ view }: { view: View }) {
  const { filter: apply, text, clock } = useApp();
  const { stopped } = view.answer.body;
  if (stopped === undefined) return null;
  const { looked, at } = stopped;
  const time = at === null ? null : (clock?.exact(at) ?? at);
  return (
    <Notice kind="warning" title={text.searchStopped(looked, time)} hint={text.searchStoppedHint}>
      {at && <Button label={text.searchOlder} press={() => apply({ ...view.request.filter, until: [at] })} />}
    </Notice>
  );
}

function Empty({ view }: { view: View }) {
  const { tasks, text } = useApp();
  const { filter, page } = view.request;
  const isPast = page > 1 && view.answer.body.total > 0;
  const isWhole = !isPast && countOf(filter) === 0;
  return (
    <div class="empty">
      <h3>{isPast ? text.pastEnd : isWhole ? text.emptyStore : text.emptyFilter}</h3>
      {!isPast && <p>{isWhole ? text.emptyStoreHint : text.emptyFilterHint}</p>}
      {isPast && <Button label={text.firstPage} press={() => tasks.open({ page: 1 })} />}
      {!isPast && !isWhole && <Button label={text.clear} press={() => tasks.apply(NO_FILTER)} />}
    </div>
  );
}
