import { useSignal } from "@preact/signals";
import { SHOWN_STATUSES, type ShownStatus } from "../../src/task/status.ts";
import { type Draft, draftOf, filterOf, isFiltered, NO_FILTER } from "../model/filter.ts";
import { useApp, useMessages } from "./context.ts";
import { FailureText } from "./failure-text.tsx";
import { Notice } from "./notice.tsx";
import { useDraft } from "./use-draft.ts";

/** Takes a change of what stands in the form. */
type Edit = (change: Partial<Draft>) => void;

/** What is typed here counts only when it is applied. */
export function FilterForm() {
  const { tasks } = useApp();
  const text = useMessages();
  const { draft, apply } = useDraft();
  const lacksUser = useSignal(false);
  const edit: Edit = (change) => {
    draft.value = { ...draft.value, ...change };
    lacksUser.value = false;
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const filter = filterOf(draft.value);
    lacksUser.value = filter === undefined;
    if (filter !== undefined) apply(filter);
  };
  const clear = () => {
    edit(draftOf(NO_FILTER));
    if (isFiltered(tasks.request.value.filter)) apply(NO_FILTER);
  };
  return (
    <form class="card filter" aria-label={text.filter} onSubmit={submit}>
      <Ids draft={draft.value} edit={edit} lacksUser={lacksUser.value} />
      <Statuses chosen={draft.value.statuses} edit={edit} />
      <div class="actions">
        <button type="submit" class="button primary" aria-busy={tasks.asking.value}>
          {text.apply}
        </button>
        <button type="button" class="button" onClick={clear}>
          {text.clear}
        </button>
      </div>
      {lacksUser.value ? <Notice kind="error" title={text.idsNeedUser} /> : null}
      <Rejected />
    </form>
  );
}

/** Ids are no words of a language. */
const PLAIN = { type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: false } as const;

function Ids({ draft, edit, lacksUser }: { draft: Draft; edit: Edit; lacksUser: boolean }) {
  const text = useMessages();
  return (
    <>
      <label class="field">
        <span>{text.user}</span>
        <input
          {...PLAIN}
          name="user"
          value={draft.userId}
          placeholder={text.userHint}
          aria-invalid={lacksUser}
          onInput={({ currentTarget }) => edit({ userId: currentTarget.value })}
        />
      </label>
      <label class="field">
        <span>{text.taskIds}</span>
        <input
          {...PLAIN}
          name="ids"
          value={draft.taskIds}
          placeholder={text.taskIdsHint}
          onInput={({ currentTarget }) => edit({ taskIds: currentTarget.value })}
        />
      </label>
    </>
  );
}

function Statuses({ chosen, edit }: { chosen: readonly ShownStatus[]; edit: Edit }) {
  const text = useMessages();
  const choose = (status: ShownStatus, isChosen: boolean) =>
    edit({ statuses: SHOWN_STATUSES.filter((known) => (known === status ? isChosen : chosen.includes(known))) });
  return (
    <fieldset class="field statuses">
      <legend>{text.statusFilter}</legend>
      {SHOWN_STATUSES.map((status) => (
        <label key={status} class={`choice ${status}`}>
          <input
            type="checkbox"
            name={status}
            checked={chosen.includes(status)}
            onChange={({ currentTarget }) => choose(status, currentTarget.checked)}
          />
          <span>{text.status[status]}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** Why the server did not take the filter. */
function Rejected() {
  const { tasks } = useApp();
  const text = useMessages();
  const failure = tasks.rejected.value;
  if (failure === null) return null;
  return (
    <Notice kind="error" title={text.notApplied}>
      <FailureText failure={failure} />
    </Notice>
  );
}
