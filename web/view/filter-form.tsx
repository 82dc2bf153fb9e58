import { type Signal, useSignal } from "@preact/signals";
import { fieldOf, PAGE_PARTS, type PagePart } from "../../src/task/query-fields.ts";
import type { Messages } from "../i18n/en.ts";
import { type Draft, filterOf, isFiltered, NO_FILTER, nameOf } from "../model/filter.ts";
import { ageIn } from "../time/service-clock.ts";
import { useApp, useMessages, useTimes } from "./context.ts";
import { Notice } from "./parts.tsx";
import { Suggestions, useSuggestions } from "./suggestions.tsx";

/** Applies a change to the form's text. */
type Edit = (change: Partial<Draft>) => void;

/** Typed text counts only when it is applied. */
export function FilterForm() {
  const { tasks, form } = useApp();
  const text = useMessages();
  const { clock, now } = useTimes();
  const { draft, isExact } = form;
  const rejected = tasks.rejected.value;
  /** The part that is wrong. */
  const wrong = useSignal<"users" | "until" | null>(null);
  const edit: Edit = (change) => {
    form.edit(change);
    wrong.value = null;
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const filter = filterOf(draft.value);
    const [since, until] = [draft.value.since, draft.value.until].map((text) => clock?.instant(text, now));
    wrong.value = filter === undefined ? "users" : since! >= until! ? "until" : null;
    if (wrong.value === null) return void form.apply(filter!);
    (event.target as Element).querySelector<HTMLElement>(`[name=${nameOf(wrong.value)}]`)?.focus();
  };
  const clear = () => {
    form.clear();
    wrong.value = null;
    if (isFiltered(tasks.request.value.filter) || tasks.asking.value) void form.apply(NO_FILTER);
  };
  return (
    <form class="card filter" aria-label={text.filter} onSubmit={submit}>
      {PAGE_PARTS.map((part) => {
        const { choices, kind } = fieldOf(part);
        const field = { part, draft: draft.value, edit, isInvalid: part === wrong.value };
        if (part === "sort") return null;
        if (kind === "switch") return <Switch key={part} {...field} />;
        if (choices !== undefined) return <Choices key={part} {...field} choices={choices} />;
        if (kind === "time") {
          const isInvalid = wrong.value === "until";
          return part === "since" && <TimeRange key={part} {...field} isExact={isExact} isInvalid={isInvalid} />;
        }
        return <TextField key={part} {...field} />;
      })}
      <div class="actions">
        <button type="submit" class="button primary" aria-busy={tasks.asking.value}>
          {tasks.asking.value ? text.applying : text.apply}
        </button>
        <button type="button" class="button" onClick={clear}>
          {text.clear}
        </button>
      </div>
      {wrong.value === "users" ? <Notice kind="error" title={text.idsNeedUser} /> : null}
      {rejected === null ? null : <Notice kind="error" title={text.notApplied} failure={rejected} />}
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
  const isUser = part === "users";
  const { id, users, suggest } = useSuggestions();
  return (
    <label class="field">
      <span>{text.filterParts[part]}</span>
      <input
        {...PLAIN}
        name={nameOf(part)}
        value={draft[part]}
        placeholder={hints[part]}
        maxLength={part === "search" ? LONGEST_SEARCH : undefined}
        aria-invalid={isInvalid}
        list={isUser ? id : undefined}
        onFocus={({ currentTarget }) => isUser && void suggest(currentTarget.value)}
        onInput={({ currentTarget }) => {
          edit({ [part]: currentTarget.value });
          if (isUser) void suggest(currentTarget.value);
        }}
      />
      {isUser ? <Suggestions id={id} users={users} /> : null}
    </label>
  );
}

/** It has to fit into an address. */
const LONGEST_SEARCH = 200;

/** A value of a part as people see it. */
export function labelOf(value: string, part: PagePart, text: Messages): string {
  const words: Readonly<Record<string, string>> = part === "statuses" ? text.status : part === "since" ? text.ages : {};
  return Object.hasOwn(words, value) ? words[value]! : value;
}

function Switch({ part, draft, edit }: Omit<FieldProps, "isInvalid">) {
  const text = useMessages();
  return (
    <label class={`choice ${nameOf(part)}`}>
      <input
        type="checkbox"
        name={nameOf(part)}
        checked={draft[part] === "true"}
        onChange={({ currentTarget }) => edit({ [part]: currentTarget.checked ? "true" : "" })}
      />
      <span>{text.filterParts[part]}</span>
    </label>
  );
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
function TimeRange({ draft, edit, isExact, isInvalid }: Omit<FieldProps, "part"> & { isExact: Signal<boolean> }) {
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
            <TimeField key={part} {...{ part, edit, isInvalid }} value={clock?.input(draft[part], now) ?? ""} />
          ))
        : null}
      {isInvalid ? <Notice kind="error" title={text.reversedTimes} /> : null}
    </div>
  );
}

const EXACT = "exact";
const AGES = ["", "1h", "24h", "7d", "30d"] as const;

/** In the service's zone, as all times of the page. */
function TimeField({
  part,
  value,
  edit,
  isInvalid,
}: Pick<FieldProps, "edit" | "isInvalid"> & { part: "since" | "until"; value: string }) {
  const { about } = useApp();
  const text = useMessages();
  return (
    <label class="field" title={about.health.value?.timezone}>
      <span>{text.filterParts[part]}</span>
      <input
        type="datetime-local"
        name={nameOf(part)}
        value={value}
        aria-invalid={isInvalid}
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
