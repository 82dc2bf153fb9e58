import { useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import { Failure, orFailure } from "../api/failure.ts";
import type { Download } from "../model/files.ts";
import { NO_FILTER, taskParams } from "../model/filter.ts";
import type { ShownRow } from "../model/hold.ts";
import type { Row } from "../model/row.ts";
import { Files } from "./audio.tsx";
import { useApp, useMessages, useTimes } from "./context.ts";
import { CopyText, FieldValue } from "./copy.tsx";
import { LogPanel } from "./log-panel.tsx";
import { Line, Lines, Notice } from "./parts.tsx";

/** All there is about a task. */
interface Details {
  /** The record as it is stored. */
  readonly json: string;
  readonly fields: readonly (readonly [name: string, text: string])[];
  readonly files: readonly Download[];
}

/** Read when a row is opened, and again when its task changes or the user retries; null until the response. */
function useDetails(row: ShownRow): { details: Details | Failure | null; retry(): void } {
  const { api } = useApp();
  const found = useSignal<Details | Failure | null>(null);
  const tries = useSignal(0);
  useEffect(() => {
    const question = new AbortController();
    const { userId, taskId } = row;
    const asked = [api.record(userId, taskId, question.signal), api.files(userId, taskId, question.signal)] as const;
    const answered = Promise.all(asked).then(([record, files]) => ({ ...record, files }));
    void orFailure(answered).then((answer) => {
      if (!question.signal.aborted) found.value = answer;
    });
    return () => question.abort();
  }, [row.key, row.updatedAt, row.status, row.isGone, tries.value]);
  return { details: found.value, retry: () => tries.value++ };
}

const TABS = ["record", "log"] as const;

/** The whole record of a task with its files, its log, and what can be done with it. */
export function TaskDetails({ row }: { row: ShownRow }) {
  const text = useMessages();
  const { logs, chooseTab } = useApp();
  const { details, retry } = useDetails(row);
  const tab = logs.has(row.key) ? "log" : "record";
  const id = useId();
  if (details === null) return <p class="quiet">{text.detailsLoading}</p>;
  if (details instanceof Failure) return <NoDetails failure={details} retry={retry} />;
  return (
    <>
      <div class="tabs" role="tablist" aria-label={text.details(row.taskId)}>
        {TABS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name}`}
            aria-controls={`${id}-panel`}
            aria-selected={name === tab}
            tabIndex={name === tab ? 0 : -1}
            onClick={() => chooseTab(row, name === "log" ? name : undefined)}
            onKeyDown={(event) => {
              if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
              const other = (event.currentTarget.nextElementSibling ??
                event.currentTarget.previousElementSibling) as HTMLElement;
              other.focus();
              other.click();
            }}
          >
            {text.tabs[name]}
          </button>
        ))}
      </div>
      <div class="panel" role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${tab}`}>
        {tab === "log" ? (
          <LogPanel row={row} />
        ) : (
          <>
            <Files row={row} files={details.files} />
            <Fields fields={details.fields} />
          </>
        )}
      </div>
      <Actions row={row} json={details.json} />
    </>
  );
}

const NOT_FOUND = "TASK_NOT_FOUND";

function NoDetails({ failure, retry }: { failure: Failure; retry(): void }) {
  const text = useMessages();
  if (failure.problem?.code === NOT_FOUND) return <Notice kind="warning" title={text.gone} />;
  return (
    <Notice kind="error" title={text.detailsFailed} failure={failure}>
      <button type="button" class="button" onClick={retry}>
        {text.retry}
      </button>
    </Notice>
  );
}

/** Those that are read first; the others are folded. */
const MAIN = ["error", "text", "status", "user_id", "task_id", "created_at", "updated_at"];

/** The record: what failed and what was said first, the service's own fields folded. */
function Fields({ fields }: Pick<Details, "fields">) {
  const text = useMessages();
  const main = MAIN.flatMap((name) => fields.filter(([known, value]) => known === name && value !== "null"));
  const others = fields.filter((field) => !main.includes(field));
  return (
    <>
      <dl class="fields">
        <EachField fields={main} />
      </dl>
      {others.length === 0 ? null : (
        <details class="parameters">
          <summary>{text.parameters(others.length)}</summary>
          <dl class="fields-more">
            <EachField fields={others} />
          </dl>
        </details>
      )}
    </>
  );
}

function EachField({ fields }: Pick<Details, "fields">) {
  const { clock } = useTimes();
  return (
    <>
      {fields.map(([name, value]) => (
        <div key={name} class={name === "error" ? "is-error" : ""}>
          <dt>
            <Line text={name} />
          </dt>
          <dd title={name.endsWith("_at") ? clock?.exact(value) : undefined}>
            <FieldValue name={name} value={value}>
              <Lines text={value} />
            </FieldValue>
          </dd>
        </div>
      ))}
    </>
  );
}

function Actions({ row, json }: { row: Row; json: string }) {
  const { tasks, change, about, logs } = useApp();
  const text = useMessages();
  const { key, userId, taskId } = row;
  const showUser = () => void tasks.apply({ ...NO_FILTER, users: [userId] });
  const choice = { rows: [row], filter: null, count: 1 };
  const tab = logs.has(key) ? "log" : undefined;
  const link = new URL(`#${taskParams({ userId, taskId, tab })}`, location.href).href;
  return (
    <div class="task-actions">
      <button type="button" class="button" onClick={showUser}>
        <Line text={text.onlyUser(userId)} />
      </button>
      <CopyText word={text.copyNames.link} value={link} />
      <CopyText word={text.copyNames.json} value={json} />
      {about.readOnly.value ? null : (
        <>
          {row.status === "error" ? (
            <button type="button" class="button" onClick={() => change.ask("retry", choice)}>
              {text.retryTask}
            </button>
          ) : null}
          <button type="button" class="button" onClick={() => change.ask("mark", choice)}>
            {text.mark}
          </button>
          <button
            type="button"
            class="button danger"
            aria-label={text.deleteTask(taskId)}
            onClick={() => change.ask("delete", choice)}
          >
            {text.delete}
          </button>
        </>
      )}
    </div>
  );
}
