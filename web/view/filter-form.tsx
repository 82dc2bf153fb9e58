import { type Signal, useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { fieldOf, PAGE_PARTS, type PagePart } from "../../src/task/query-fields.ts";
import type { Messages } from "../i18n/en.ts";
import { type Draft, draftOf, type Filter, filterOf, isFiltered, NO_FILTER, nameOf } from "../model/filter.ts";
import { ageIn } from "../time/service-clock.ts";
import { useApp, useMessages, useTimes } from "./context.ts";
import { Notice } from "./parts.tsx";

/** Applies a change to the form's text. */
type Edit = (change: Partial<Draft>) => void;

/** Typed text counts only when it is applied. */
export function FilterForm() {
  const { tasks } = useApp();
  const text = useMessages();
  const { draft, isExact, apply } = useDraft();
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
    isExact.value = false;
    if (isFiltered(tasks.request.value.filter)) apply(NO_FILTER);
  };
  return (
    <form class="card filter" aria-label={text.filter} onSubmit={submit}>
      {PAGE_PARTS.map((part) => {
        const { choices, kind } = fieldOf(part);
        const field = { part, draft: draft.value, edit };
        if (choices !== undefined) return <Choices key={part} {...field} choices={choices} />;
        if (kind === "time") return part === "since" && <TimeRange key={part} {...field} isExact={isExact} />;
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
export function labelOf(value: string, part: PagePart, text: Messages): string {
  const words: Readonly<Record<string, string>> = part === "statuses" ? text.status : part === "since" ? text.ages : {};
  return Object.hasOwn(words, value) ? words[value]! : value;
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

/** The times of the last change: an age, or from a time and before another one. */
function TimeRange({ draft, edit, isExact }: Omit<FieldProps, "part" | "isInvalid"> & { isExact: Signal<boolean> }) {
  const text = useMessages();
  const { clock, now } = useTimes();
  const { since, until } = draft;
  const isAge = until === "" && (since === "" || ageIn(since) !== undefined);
  const isShown = isExact.value || !isAge;
  const choose = (choice: string) => {
    isExact.value = choice === EXACT;
    edit(
      choice === EXACT ? { since: since && withSeconds(clock?.input(since, now) ?? "") } : { since: choice, until: "" },
    );
  };
  return (
    <div class="times">
      <label class="field">
        <span>{text.changedWithin}</span>
        <select
          name="within"
          value={isShown ? EXACT : since}
          onChange={({ currentTarget }) => choose(currentTarget.value)}
        >
          {[...new Set([...AGES, ...(isShown ? [] : [since])])].map((age) => (
            <option key={age} value={age}>
              {labelOf(age, "since", text)}
            </option>
          ))}
          <option value={EXACT}>{text.exactTimes}</option>
        </select>
      </label>
      {isShown
        ? (["since", "until"] as const).map((part) => (
            <TimeField key={part} part={part} value={clock?.input(draft[part], now) ?? ""} edit={edit} />
          ))
        : null}
    </div>
  );
}

const EXACT = "exact";
const AGES = ["", "1h", "24h", "7d", "30d"] as const;

/** In the service's zone, as all times of the page. */
function TimeField({ part, value, edit }: { part: "since" | "until"; value: string; edit: Edit }) {
  const { about } = useApp();
  const text = useMessages();
  return (
    <label class="field" title={about.health.value?.timezone}>
      <span>{text.filterParts[part]}</span>
      <input
        type="datetime-local"
        name={nameOf(part)}
        value={value}
        step={value.length > "2026-11-28T05:41".length ? 1 : 60}
        max="9999-12-31T23:59"
        onInput={({ currentTarget }) => edit({ [part]: withSeconds(currentTarget.value) })}
      />
    </label>
  );
}

/** The server's times have seconds, those of an input may not. */
function withSeconds(local: string): string {
  return /T\d\d:\d\d$/.test(local) ? `${local}:00` : local;
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
  const isExact = useSignal(false);
  useSignalEffect(() => {
    if (applied.value !== own.current) {
      draft.value = draftOf(applied.value);
      isExact.value = false;
    }
    own.current = applied.value;
  });
  const apply = (filter: Filter) => {
    own.current = filter;
    void tasks.apply(filter);
  };
  return { draft, isExact, apply };
}
