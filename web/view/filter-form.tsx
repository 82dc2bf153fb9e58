import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { fieldOf, PAGE_PARTS, type PagePart } from "../../src/task/query-fields.ts";
import type { Messages } from "../i18n/en.ts";
import { type Draft, draftOf, type Filter, filterOf, isFiltered, NO_FILTER, nameOf } from "../model/filter.ts";
import { useApp, useMessages } from "./context.ts";
import { Notice } from "./parts.tsx";

/** Applies a change to the form's text. */
type Edit = (change: Partial<Draft>) => void;

/** Typed text counts only when it is applied. */
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
      {PAGE_PARTS.map((part) => {
        const { choices } = fieldOf(part);
        const field = { part, draft: draft.value, edit };
        if (choices !== undefined) return <Choices key={part} {...field} choices={choices} />;
        return <TextField key={part} {...field} isInvalid={part === "users" && lacksUser.value} />;
      })}
      <div class="actions">
        <button type="submit" class="button primary" aria-busy={tasks.asking.value}>
          {tasks.asking.value ? text.applying : text.apply}
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

/** Ids aren't words of a language. */
const PLAIN = { type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: false } as const;

interface FieldProps {
  readonly part: PagePart;
  readonly draft: Draft;
  readonly edit: Edit;
  readonly isInvalid: boolean;
}

function TextField({ part, draft, edit, isInvalid }: FieldProps) {
  const text = useMessages();
  const hints: Partial<Record<PagePart, string>> = text.filterHints;
  return (
    <label class="field">
      <span>{text.filterParts[part]}</span>
      <input
        {...PLAIN}
        name={nameOf(part)}
        value={draft[part]}
        placeholder={hints[part]}
        aria-invalid={isInvalid}
        onInput={({ currentTarget }) => edit({ [part]: currentTarget.value })}
      />
    </label>
  );
}

/** A value of a part as people see it. */
export function labelOf(value: string, part: PagePart, { status }: Messages): string {
  return part === "statuses" && Object.hasOwn(status, value) ? status[value as keyof typeof status] : value;
}

function Choices({ part, draft, edit, choices }: Omit<FieldProps, "isInvalid"> & { choices: readonly string[] }) {
  const text = useMessages();
  const chosen = draft[part].split(" ");
  const choose = (choice: string, isChosen: boolean) =>
    edit({ [part]: choices.filter((known) => (known === choice ? isChosen : chosen.includes(known))).join(" ") });
  return (
    <fieldset class="field statuses">
      <legend>{text.filterParts[part]}</legend>
      {choices.map((choice) => (
        <label key={choice} class={`choice ${choice}`}>
          <input
            type="checkbox"
            name={choice}
            checked={chosen.includes(choice)}
            onChange={({ currentTarget }) => choose(choice, currentTarget.checked)}
          />
          <span>{labelOf(choice, part, text)}</span>
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
  return <Notice kind="error" title={text.notApplied} failure={failure} />;
}

/**
 * The draft follows the filter that is applied elsewhere: by a link, or by going back. What is half typed stays when a page
 * is turned, and when the answer to the form's own filter comes.
 */
function useDraft() {
  const { tasks } = useApp();
  const applied = useComputed(() => tasks.request.value.filter);
  const own = useRef(applied.value);
  const draft = useSignal(draftOf(applied.value));
  useSignalEffect(() => {
    if (applied.value !== own.current) draft.value = draftOf(applied.value);
    own.current = applied.value;
  });
  const apply = (filter: Filter) => {
    own.current = filter;
    void tasks.apply(filter);
  };
  return { draft, apply };
}
