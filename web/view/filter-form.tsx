import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import type { PagePart } from "../../src/task/query-fields.ts";
import { Failure, orFailure } from "../api/failure.ts";
import type { Messages } from "../i18n/en.ts";
import { type Filter, filterOf, isFiltered, NO_FILTER, nameOf } from "../model/filter.ts";
import { ageIn } from "../time/service-clock.ts";
import { useApp, useMessages, useTimes } from "./context.ts";
import { Notice, onPressOutside } from "./parts.tsx";

/** It has to fit into an address. */
const LONGEST_SEARCH = 200;

/** One row: a task's id or a text, the user, the time; the rest is in a panel. Typed text counts only when it is applied. */
export function FilterForm() {
  const { tasks, form, find } = useApp();
  const text = useMessages();
  const { clock, now } = useTimes();
  const { draft, isExact, isOpen } = form;
  const { rejected, request, asking } = tasks;
  /** The part that is wrong. */
  const wrong = useSignal<"users" | "until" | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    const filter = filterOf(draft.value);
    const [since, until] = [draft.value.since, draft.value.until].map((text) => clock?.instant(text, now));
    wrong.value = filter === undefined ? "users" : since! >= until! ? "until" : null;
    if (wrong.value !== null)
      return (event.target as Element).querySelector<HTMLElement>(`[name=${nameOf(wrong.value)}]`)?.focus();
    isOpen.value = false;
    await (isFound(filter!, request.value.filter) ? form.apply(filter!) : find(filter!));
  };
  const clear = () => {
    form.clear();
    wrong.value = null;
    if (isFiltered(request.value.filter) || asking.value) void form.apply(NO_FILTER);
  };
  const invalid = wrong.value;
  const box = useRef<HTMLFormElement>(null);
  useEffect(() => onPressOutside(box, () => (isOpen.value = false)), []);
  return (
    <form
      ref={box}
      class="filter"
      aria-label={text.filter}
      onSubmit={(event) => void submit(event)}
      onInput={() => (wrong.value = null)}
      onKeyDown={({ key }) => {
        if (key === "Escape") isOpen.value = false;
      }}
    >
      <TextField part="search" label={text.find} />
      <div class={`filter-fields ${isOpen.value ? "open" : ""}`}>
        <UserField isInvalid={invalid === "users"} />
        <Within />
        <div class="filter-more">
          <TextField part="taskIds" label={text.filterParts.taskIds} />
          {isExact.value || !isAge(draft.value)
            ? (["since", "until"] as const).map((part) => (
                <TimeField key={part} part={part} isInvalid={invalid === "until"} />
              ))
            : null}
        </div>
      </div>
      <button type="submit" class="button primary" aria-busy={asking.value}>
        {asking.value ? text.applying : text.apply}
      </button>
      <button type="button" class="button" aria-expanded={isOpen.value} onClick={() => (isOpen.value = !isOpen.value)}>
        {text.moreFilters}
      </button>
      <button type="button" class="button clear" onClick={clear}>
        {text.clear}
      </button>
      {invalid === null ? null : (
        <Notice kind="error" title={invalid === "users" ? text.idsNeedUser : text.reversedTimes} />
      )}
      {rejected.value === null ? null : <Notice kind="error" title={text.notApplied} failure={rejected.value} />}
    </form>
  );
}

/** Whether there is nothing new in the field that finds a task. */
function isFound({ search }: Filter, applied: Filter): boolean {
  return search.length === 0 || search.join() === applied.search.join();
}

/** Ids aren't words of a language. */
const PLAIN = { type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: false } as const;

function TextField({ part, label }: { part: "search" | "taskIds"; label: string }) {
  const { form } = useApp();
  const text = useMessages();
  return (
    <input
      {...PLAIN}
      name={nameOf(part)}
      aria-label={label}
      title={label}
      value={form.draft.value[part]}
      placeholder={part === "search" ? text.filterHints.search : `${label}, ${text.filterHints.taskIds}`}
      maxLength={part === "search" ? LONGEST_SEARCH : undefined}
      onInput={({ currentTarget }) => form.edit({ [part]: currentTarget.value })}
    />
  );
}

/** After a key, before the server is asked for suggestions. */
const PAUSE_MS = 200;
/** In characters. Longer ids aren't suggested. */
const LONGEST_SUGGESTED = 200;

function UserField({ isInvalid }: { isInvalid: boolean }) {
  const { api, form } = useApp();
  const text = useMessages();
  const id = useId();
  const users = useSignal<readonly string[]>([]);
  const question = useRef(new AbortController());
  const suggest = async (typed: string) => {
    question.current.abort();
    question.current = new AbortController();
    const { signal } = question.current;
    await new Promise((over) => setTimeout(over, PAUSE_MS));
    if (signal.aborted) return;
    const found = await orFailure(api.users(typed.trim(), signal));
    if (signal.aborted || found instanceof Failure) return;
    users.value = found.filter(({ length }) => length <= LONGEST_SUGGESTED);
  };
  return (
    <>
      <input
        {...PLAIN}
        name={nameOf("users")}
        aria-label={text.filterParts.users}
        title={text.filterParts.users}
        value={form.draft.value.users}
        placeholder={`${text.filterParts.users}: ${text.filterHints.users}`}
        aria-invalid={isInvalid}
        list={id}
        onFocus={({ currentTarget }) => void suggest(currentTarget.value)}
        onInput={({ currentTarget }) => {
          form.edit({ users: currentTarget.value });
          void suggest(currentTarget.value);
        }}
      />
      <datalist id={id}>
        {users.value.map((user) => (
          <option key={user} value={user} />
        ))}
      </datalist>
    </>
  );
}

/** A value of a part as people see it. */
export function labelOf(value: string, part: PagePart, text: Messages): string {
  const words: Readonly<Record<string, string>> = part === "statuses" ? text.status : part === "since" ? text.ages : {};
  return Object.hasOwn(words, value) ? words[value]! : value;
}

const EXACT = "exact";
const AGES = ["", "1h", "24h", "7d", "30d"] as const;

/** Whether the times are an age, or none. */
function isAge({ since, until }: { since: string; until: string }): boolean {
  return until === "" && (since === "" || ageIn(since) !== undefined);
}

/** The time of the last change: an age, or exact times in the panel. */
function Within() {
  const { form } = useApp();
  const { draft, isExact, isOpen } = form;
  const text = useMessages();
  const { clock, now } = useTimes();
  const { since } = draft.value;
  const isShown = isExact.value || !isAge(draft.value);
  const choose = (choice: string) => {
    isExact.value = choice === EXACT;
    if (isExact.value) isOpen.value = true;
    const exact = since && withSeconds(clock?.input(since, now) ?? "");
    form.edit(choice === EXACT ? { since: exact } : { since: choice, until: "" });
  };
  return (
    <select
      name="within"
      aria-label={text.changedWithin}
      title={text.changedWithin}
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
  );
}

/** In the service's zone, as the bars of the chart. */
function TimeField({ part, isInvalid }: { part: "since" | "until"; isInvalid: boolean }) {
  const { about, form } = useApp();
  const text = useMessages();
  const { clock, now } = useTimes();
  const value = clock?.input(form.draft.value[part], now) ?? "";
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
        onInput={({ currentTarget }) => form.edit({ [part]: withSeconds(currentTarget.value) })}
      />
    </label>
  );
}

/** The server's times have seconds, those of an input may not. */
function withSeconds(local: string): string {
  return /T\d\d:\d\d$/.test(local) ? `${local}:00` : local;
}
