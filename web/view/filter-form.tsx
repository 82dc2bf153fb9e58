import { useSignal } from "@preact/signals";
import type { PartialInputHTMLAttributes } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { PagePart } from "../../src/task/query-fields.ts";
import { Failure, orFailure } from "../api/failure.ts";
import type { Messages } from "../i18n/en.ts";
import { countOf, filterOf, NO_FILTER, nameOf } from "../model/filter.ts";
import { useApp } from "./context.ts";
import { Button, Field, Notice, onPressOutside, Select } from "./parts.tsx";

/** It has to fit into an address. */
const LONGEST_SEARCH = 200;
const TIMES = ["since", "until"] as const;

/** One row: a task's id or a text, the user, the time; the rest is in a panel. Typed text counts only when it is applied. */
export function FilterForm() {
  const { tasks, form, find, text, clock, now } = useApp();
  const { draft, hasTimes, isOpen } = form;
  const { rejected, request, asking } = tasks;
  const wrong = useSignal<"users" | "until" | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    const filter = filterOf(draft.value);
    const [since, until] = TIMES.map((part) => clock?.instant(draft.value[part], now));
    wrong.value = filter === undefined ? "users" : since! >= until! ? "until" : null;
    if (wrong.value !== null)
      return (event.target as Element).querySelector<HTMLElement>(`[name=${nameOf(wrong.value)}]`)?.focus();
    close();
    const [search, applied] = [filter!, request.value.filter].map((of) => of.search.join());
    await (search === "" || search === applied ? form.apply(filter!) : find(filter!));
  };
  const clear = () => {
    form.show(NO_FILTER);
    wrong.value = null;
    if (partCount > 0 || asking.value) void form.apply(NO_FILTER);
  };
  const invalid = wrong.value;
  const partCount = countOf(request.value.filter);
  const box = useRef<HTMLFormElement>(null);
  const close = () => (isOpen.value = false);
  useEffect(() => onPressOutside(box, close), []);
  return (
    <form
      ref={box}
      class="filter"
      aria-label={text.regions.filter}
      onSubmit={(event) => void submit(event)}
      onInput={() => (wrong.value = null)}
      onKeyDown={({ key }) => key === "Escape" && close()}
    >
      <TextField part="search" placeholder={text.filterHints.search} maxLength={LONGEST_SEARCH} />
      <div class={`filter-fields ${isOpen.value ? "open" : ""}`}>
        <UserField isInvalid={invalid === "users"} />
        <Within />
        <div class="filter-more">
          <TextField part="taskIds" />
          {hasTimes.value && TIMES.map((part) => <TimeField key={part} part={part} isInvalid={invalid === "until"} />)}
        </div>
      </div>
      <Button type="submit" kind="primary" label={asking.value ? text.reading : text.apply} aria-busy={asking.value} />
      <Button
        label={text.moreFilters(partCount)}
        aria-expanded={isOpen.value}
        press={() => (isOpen.value = !isOpen.value)}
      />
      <Button kind="clear" label={text.clear} press={clear} />
      {invalid && <Notice kind="error" title={invalid === "users" ? text.idsNeedUser : text.reversedTimes} />}
      {rejected.value && <Notice kind="error" title={text.notApplied} failure={rejected.value} />}
    </form>
  );
}

interface TextFieldProps extends PartialInputHTMLAttributes<HTMLInputElement> {
  readonly part: "search" | "taskIds" | "users";
  readonly list?: string;
  typed?(value: string): void;
}

function TextField({ part, typed, ...more }: TextFieldProps) {
  const { form, text } = useApp();
  const { filterParts, filterHints } = text;
  const name = filterParts[part];
  return (
    <input
      type="text"
      autocomplete="off"
      autocapitalize="off"
      spellcheck={false} // ids aren't words of a language
      name={nameOf(part)}
      aria-label={name}
      title={name}
      value={form.draft.value[part]}
      placeholder={`${name}: ${filterHints[part]}`}
      onInput={({ currentTarget }) => {
        form.edit({ [part]: currentTarget.value });
        typed?.(currentTarget.value);
      }}
      {...(more as object)}
    />
  );
}

/** After a key, before the server is asked for suggestions. */
const PAUSE_MS = 200;
/** In characters. Longer ids aren't suggested. */
const LONGEST_SUGGESTED = 200;

function UserField({ isInvalid }: { isInvalid: boolean }) {
  const { api } = useApp();
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
    users.value = found.byUser.map(({ user_id }) => user_id).filter(({ length }) => length <= LONGEST_SUGGESTED);
  };
  return (
    <>
      <TextField
        part="users"
        aria-invalid={isInvalid}
        list={id}
        onFocus={({ currentTarget }: { currentTarget: HTMLInputElement }) => void suggest(currentTarget.value)}
        typed={(value) => void suggest(value)}
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

/** The time of the last change: an age, or exact times in the panel. */
function Within() {
  const { form, text, clock, now } = useApp();
  const { draft, hasTimes, isExact, isOpen } = form;
  const { since } = draft.value;
  const choose = (choice: string) => {
    isExact.value = choice === EXACT;
    if (!isExact.value) return form.edit({ since: choice, until: "" });
    isOpen.value = true;
    form.edit({ since: since && withSeconds(clock?.input(since, now) ?? "") });
  };
  const other = hasTimes.value ? {} : { [since]: labelOf(since, "since", text) };
  return (
    <Select
      name="within"
      label={text.changedWithin}
      value={hasTimes.value ? EXACT : since}
      options={{ ...text.ages, ...other, [EXACT]: text.exactTimes }}
      choose={choose}
    />
  );
}

/** In the service's zone, as the bars of the chart. */
function TimeField({ part, isInvalid }: { part: "since" | "until"; isInvalid: boolean }) {
  const { about, form, text, clock, now } = useApp();
  const value = clock?.input(form.draft.value[part], now) ?? "";
  return (
    <Field label={text.filterParts[part]} title={about.health.value?.timezone}>
      <input
        type="datetime-local"
        name={nameOf(part)}
        value={value}
        aria-invalid={isInvalid}
        step={value.length > "2026-11-28T05:41".length ? 1 : 60}
        max="9999-12-31T23:59"
        onInput={({ currentTarget }) => form.edit({ [part]: withSeconds(currentTarget.value) })}
      />
    </Field>
  );
}

/** The server's times have seconds, those of an input may not. */
function withSeconds(local: string): string {
  return /T\d\d:\d\d$/.test(local) ? `${local}:00` : local;
}
