import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { SHOWN_STATUSES, type ShownStatus } from "../../src/task/status.ts";
import { draftOf, filterOf, isFiltered, NO_FILTER } from "../model/filter.ts";
import { useApp, useMessages } from "./context.ts";
import { FailureText } from "./failure-text.tsx";
import { Notice } from "./notice.tsx";

/** What is typed here counts only when it is applied. */
export function FilterForm() {
  const { tasks } = useApp();
  const text = useMessages();
  const draft = useSignal(draftOf(tasks.request.value.filter));
  const lacksUser = useSignal(false);
  // What is half typed stays when a page is turned, and when the answer to one's own filter comes.
  const applied = useComputed(() => tasks.request.value.filter);
  const own = useRef(applied.value);
  useSignalEffect(() => {
    if (applied.value !== own.current) draft.value = draftOf(applied.value);
    own.current = applied.value;
  });

  const edit = (change: Partial<typeof draft.value>) => {
    draft.value = { ...draft.value, ...change };
    lacksUser.value = false;
  };
  const apply = () => {
    const filter = filterOf(draft.value);
    lacksUser.value = filter === undefined;
    if (filter === undefined) return;
    own.current = filter;
    void tasks.apply(filter);
  };
  const clear = () => {
    edit(draftOf(NO_FILTER));
    if (isFiltered(applied.value)) void tasks.apply(NO_FILTER);
  };
  const toggle = (status: ShownStatus, on: boolean) =>
    edit({
      statuses: SHOWN_STATUSES.filter((known) => (known === status ? on : draft.value.statuses.includes(known))),
    });
  const rejected = tasks.rejected.value;

  return (
    <form
      class="card filter"
      aria-label={text.filter}
      onSubmit={(event) => {
        event.preventDefault();
        apply();
      }}
    >
      <label class="field user-field">
        <span>{text.user}</span>
        <input
          name="user"
          value={draft.value.userId}
          placeholder={text.userHint}
          aria-invalid={lacksUser.value}
          onInput={({ currentTarget }) => edit({ userId: currentTarget.value })}
          {...PLAIN}
        />
      </label>
      <label class="field ids-field">
        <span>{text.taskIds}</span>
        <input
          name="ids"
          value={draft.value.taskIds}
          placeholder={text.taskIdsHint}
          onInput={({ currentTarget }) => edit({ taskIds: currentTarget.value })}
          {...PLAIN}
        />
      </label>
      <fieldset class="field statuses">
        <legend>{text.statusFilter}</legend>
        {SHOWN_STATUSES.map((status) => (
          <label key={status} class={`choice ${status}`}>
            <input
              type="checkbox"
              name={status}
              checked={draft.value.statuses.includes(status)}
              onChange={({ currentTarget }) => toggle(status, currentTarget.checked)}
            />
            <span>{text.status[status]}</span>
          </label>
        ))}
      </fieldset>
      <div class="actions">
        <button type="submit" class="button primary" aria-busy={tasks.asking.value}>
          {text.apply}
        </button>
        <button type="button" class="button" onClick={clear}>
          {text.clear}
        </button>
      </div>
      {lacksUser.value ? <Notice kind="error" title={text.idsNeedUser} /> : null}
      {rejected === null ? null : (
        <Notice kind="error" title={text.notApplied}>
          <FailureText failure={rejected} />
        </Notice>
      )}
    </form>
  );
}

/** Ids are no words of a language. */
const PLAIN = { type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: false } as const;
