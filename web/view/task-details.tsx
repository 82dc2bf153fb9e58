import { useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import type { Api } from "../api/api.ts";
import { Failure, orFailure } from "../api/failure.ts";
import { NO_FILTER, type Tab, taskParams } from "../model/filter.ts";
import type { Row } from "../model/row.ts";
import { Files } from "./audio.tsx";
import { ChangeButtons } from "./choice.tsx";
import { useApp } from "./context.ts";
import { useCopy } from "./copy.ts";
import { LogPanel } from "./log-panel.tsx";
import { Button, IconButton, Line, Lines, Notice, Scrollable } from "./parts.tsx";

type Details = Awaited<ReturnType<Api["details"]>>;

/** Read when a row is opened, and again when its task changes or the user retries; null until the response. */
function useDetails(row: Row) {
  const { api } = useApp();
  const found = useSignal<Details | Failure | null>(null);
  const tries = useSignal(0);
  useEffect(() => {
    const question = new AbortController();
    void orFailure(api.details(row, question.signal)).then((answer) => {
      if (!question.signal.aborted) found.value = answer;
    });
    return () => question.abort();
  }, [row.key, row.updatedAt, row.status, row.isGone, tries.value]);
  return { details: found.value, retry: () => tries.value++ };
}

/** The whole record of a task with its files, its log, and what can be done with it. */
export function TaskDetails({ row }: { row: Row }) {
  const { tabOf, chooseTab, text } = useApp();
  const { details, retry } = useDetails(row);
  const tab = tabOf(row.key);
  const id = useId();
  if (details === null) return <p class="quiet">{text.reading}</p>;
  if (details instanceof Failure) {
    if (details.problem?.code === "TASK_NOT_FOUND") return <Notice kind="warning" title={text.errors.TASK_NOT_FOUND} />;
    return <Notice kind="error" title={text.detailsFailed} failure={details} retry={retry} />;
  }
  return (
    <>
      <div class="tabs" role="tablist" aria-label={text.details(row.taskId)}>
        {(Object.keys(text.tabs) as Tab[]).map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name}`}
            aria-controls={`${id}-panel`}
            aria-selected={name === tab}
            tabIndex={name === tab ? 0 : -1}
            onClick={() => chooseTab(row, name)}
            onKeyDown={({ key, currentTarget }) => {
              if (!["ArrowLeft", "ArrowRight"].includes(key)) return;
              const other = (currentTarget.nextElementSibling ?? currentTarget.previousElementSibling) as HTMLElement;
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

/** Those that are read first; the others are folded. */
const MAIN = ["error", "text", "status", "user_id", "task_id", "created_at", "updated_at"];

/** The record: what failed and what was said first, the service's own fields folded. */
function Fields({ fields }: Pick<Details, "fields">) {
  const { text } = useApp();
  const main = MAIN.flatMap((name) => fields.filter(([known, value]) => known === name && value !== "null"));
  const others = fields.filter((field) => !main.includes(field));
  const listed = (of: Details["fields"]) => of.map(([name, value]) => <Field key={name} name={name} value={value} />);
  return (
    <>
      <dl class="fields">{listed(main)}</dl>
      {others.length > 0 && (
        <details class="parameters">
          <summary>{text.parameters(others.length)}</summary>
          <dl class="fields-more">{listed(others)}</dl>
        </details>
      )}
    </>
  );
}

/** A field, and a button that copies its value if it is one that people look for. */
function Field({ name, value }: { name: string; value: string }) {
  const { text, clock } = useApp();
  const copy = useCopy();
  const isCopied = Object.hasOwn(text.copies, name) && value !== "" && value !== "null";
  const word = isCopied && text.copies[name as keyof typeof text.copies];
  return (
    <div class={name === "error" ? "is-error" : ""}>
      <Line box="dt" text={name} />
      <dd title={name.endsWith("_at") ? clock?.exact(value) : undefined}>
        <Scrollable name={name}>
          <Lines text={value} />
        </Scrollable>
        {word && <IconButton name="copy" label={text.copyField(word)} onClick={copy(value, word)} />}
      </dd>
    </div>
  );
}

function Actions({ row, json }: { row: Row; json: string }) {
  const { tasks, about, tabOf, text } = useApp();
  const { key, userId, taskId } = row;
  const showUser = () => tasks.apply({ ...NO_FILTER, users: [userId] });
  const link = new URL(`#${taskParams({ userId, taskId, tab: tabOf(key) })}`, location.href).href;
  return (
    <div class="task-actions">
      <Button label={<Line text={text.onlyUser(userId)} />} press={showUser} />
      <CopyText word={text.link} value={link} />
      <CopyText word={text.json} value={json} />
      {!about.readOnly.value && (
        <ChangeButtons
          choice={{ rows: [row], filter: null, count: 1 }}
          retry={row.status === "error" ? text.retryTask : null}
          deleted={text.deleteTask(taskId)}
        />
      )}
    </div>
  );
}

/** Copies a text that isn't shown. */
function CopyText({ word, value }: { word: string; value: string }) {
  const { text } = useApp();
  const copy = useCopy();
  return (
    <>
      <textarea class="visually-hidden" readOnly tabIndex={-1} aria-label={word} value={value} />
      <Button icon="copy" label={text.copyField(word)} onClick={copy(value, word)} />
    </>
  );
}
