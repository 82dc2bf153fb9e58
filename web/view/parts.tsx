import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren, JSX, RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { printable } from "../../src/printable.ts";
import type { Failure } from "../api/failure.ts";
import { useApp } from "./context.ts";

/** More than this of a text is not looked at for one line. */
const LONGEST_LINE = 400;

interface LineProps {
  readonly text: string;
  /** Around it; without one, the text is within others. */
  readonly box?: "dt" | "li" | "p" | "span" | "strong";
  readonly class?: string;
}

/** Any text of a task in one line. Its writing direction stays its own, and what has no width is made visible. */
export function Line({ text, box: Box, class: kind }: LineProps) {
  const shown = text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE).toWellFormed()}…` : text;
  const line = <bdi>{printable(shown)}</bdi>;
  return Box ? <Box class={kind}>{line}</Box> : line;
}

/** Any text of a task, with its line breaks. */
export function Lines({ text }: { text: string }) {
  return <bdi class="lines">{text.split(/\r?\n/).map(printable).join("\n")}</bdi>;
}

/** A status; a word outside the four is shown as it is. */
export function Badge({ status }: { status: string }) {
  const { status: words } = useApp().text;
  const isKnown = status !== "other" && Object.hasOwn(words, status);
  const word = isKnown ? words[status as keyof typeof words] : printable(status);
  return <span class={`badge ${isKnown ? status : "other"}`}>{word}</span>;
}

/** Drawn on 16 by 16, in the colour of the text around it. */
const PATHS = {
  play: "M4.5 2.6v10.8a.6.6 0 0 0 .92.5l8.3-5.4a.6.6 0 0 0 0-1L5.42 2.1a.6.6 0 0 0-.92.5Z",
  pause: "M4 2.5h2.6v11H4zM9.4 2.5H12v11H9.4z",
  chevron: "M5.3 2.7 10.6 8l-5.3 5.3 1 1L12.6 8 6.3 1.7z",
  download: "M7.3 1.5h1.4v7l2.6-2.6 1 1L8 11.2 3.7 6.9l1-1 2.6 2.6zM2.5 13h11v1.4h-11z",
  copy: "M5.5 1.5h8v9h-8zm1.3 1.3v6.4h5.4V2.8zM2.5 4.5h1.3v8.7h6.7v1.3h-8z",
  auto: "M8 1.4a6.6 6.6 0 1 1 0 13.2A6.6 6.6 0 0 1 8 1.4zm0 1.3v10.6a5.3 5.3 0 0 0 0-10.6z",
  light:
    "M8 4.6a3.4 3.4 0 1 1 0 6.8 3.4 3.4 0 0 1 0-6.8zM7.4.8h1.2v2.4H7.4zM7.4 12.8h1.2v2.4H7.4zM.8 7.4h2.4v1.2H.8zM12.8 7.4h2.4v1.2h-2.4zM3.3 2.5l1.7 1.7-.8.8-1.7-1.7zM12.7 2.5l.8.8-1.7 1.7-.8-.8zM4.2 11l.8.8-1.7 1.7-.8-.8zM11.8 11l1.7 1.7-.8.8-1.7-1.7z",
  dark: "M6.2 1.6A6.6 6.6 0 1 0 14.4 9.8 5.6 5.6 0 0 1 6.2 1.6z",
  close: "m3.5 2.5 4.5 4.5 4.5-4.5 1 1L9 8l4.5 4.5-1 1L8 9l-4.5 4.5-1-1L7 8 2.5 3.5z",
  columns: "M2 9h3v5H2zM6.5 2h3v12h-3zM11 6h3v8h-3z",
  warning: "M8 1.2 15.3 14H.7zM7.3 6v4h1.4V6zm0 5.2v1.4h1.4v-1.4z",
} as const;

type IconName = keyof typeof PATHS;

/** Decoration: the text beside it or the label of its button has the meaning. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="currentColor" fill-rule="evenodd" />
    </svg>
  );
}

interface ButtonProps extends Omit<JSX.IntrinsicElements["button"], "icon" | "label"> {
  /** Classes: what is special about it. */
  readonly kind?: string;
  readonly icon?: IconName;
  readonly label: ComponentChildren;
  press?(): unknown;
}

export function Button({ kind = "", icon, label, press, ...more }: ButtonProps) {
  return (
    <button type="button" class={`button ${kind}`} onClick={press && (() => void press())} {...more}>
      {icon && <Icon name={icon} />}
      {label}
    </button>
  );
}

type IconButtonProps = Omit<ButtonProps, "name"> & { readonly name: IconName; readonly label: string };

export function IconButton({ name, label, ...more }: IconButtonProps) {
  return <Button class={`icon-button ${name}`} icon={name} label="" aria-label={label} title={label} {...more} />;
}

export function Field({ label, children, ...more }: Omit<JSX.IntrinsicElements["label"], "label"> & { label: string }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is one of the children
    <label class="field" {...more}>
      <span>{label}</span>
      {children}
    </label>
  );
}

interface SelectProps<T> {
  readonly name: string;
  readonly label: string;
  readonly value: T;
  /** The words for each value. */
  readonly options: Readonly<Record<string, string>>;
  /** Whether its name is shown above it. */
  readonly isTitled?: boolean;
  choose(value: T): unknown;
}

export function Select<T extends string>({ name, label, value, options, isTitled, choose }: SelectProps<T>) {
  const select = (
    <select
      name={name}
      aria-label={label}
      title={label}
      value={value}
      onChange={({ currentTarget }) => void choose(currentTarget.value as T)}
    >
      {Object.entries(options).map(([option, words]) => (
        <option key={option} value={option}>
          {words}
        </option>
      ))}
    </select>
  );
  return isTitled ? <Field label={label}>{select}</Field> : select;
}

type SignalSelectProps<T> = Omit<SelectProps<T>, "value" | "choose"> & { readonly choice: Signal<T> };

export function SignalSelect<T extends string>({ choice, ...more }: SignalSelectProps<T>) {
  return <Select {...more} value={choice.value} choose={(value) => (choice.value = value)} />;
}

/** A box of limited height. If its content is higher, Tab reaches it, for scrolling by keyboard. */
export function Scrollable({ name, children, ...more }: JSX.IntrinsicElements["div"] & { name: string }) {
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const isHigher = useSignal(false);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => {
      isHigher.value = box.current!.scrollHeight > box.current!.clientHeight;
    });
    observer.observe(box.current!);
    observer.observe(content.current!);
    return () => observer.disconnect();
  }, []);
  const reachable = isHigher.value ? { tabIndex: 0, role: "group" as const, "aria-label": printable(name) } : {};
  return (
    <div {...more} ref={box} class="scrollable" {...reachable}>
      <div ref={content}>{children}</div>
    </div>
  );
}

/** @returns what ends it */
export function onPressOutside(box: RefObject<Element | null>, act: () => void): () => void {
  const press = ({ target }: Event) => {
    if (box.current?.contains(target as Node) === false) act();
  };
  document.addEventListener("pointerdown", press);
  return () => document.removeEventListener("pointerdown", press);
}

interface MenuProps {
  readonly kind: string;
  readonly icon?: IconName | undefined;
  readonly label: ComponentChildren;
  readonly name?: string;
  readonly children: ComponentChildren;
}

/** A panel over the page, which moves nothing. A click elsewhere and Escape close it. */
export function Menu({ kind, icon, label, name, children }: MenuProps) {
  const box = useRef<HTMLDetailsElement>(null);
  useEffect(() => onPressOutside(box, () => (box.current!.open = false)), []);
  return (
    <details
      ref={box}
      class={`menu ${kind}`}
      onKeyDown={({ key }) => {
        if (key !== "Escape" || !box.current!.open) return;
        box.current!.open = false;
        box.current!.querySelector("summary")!.focus();
      }}
    >
      <summary aria-label={name} title={name}>
        {icon && <Icon name={icon} />}
        {label}
      </summary>
      <div class="menu-panel">{children}</div>
    </details>
  );
}

interface NoticeProps {
  readonly kind: "info" | "warning" | "error";
  readonly title: string;
  readonly failure?: Failure | null;
  /** The remedy. */
  readonly hint?: string;
  retry?(): unknown;
  readonly children?: ComponentChildren;
}

export function Notice({ kind, title, failure, hint, retry, children }: NoticeProps) {
  const { text } = useApp();
  return (
    <div class={`notice ${kind}`} role={kind === "error" ? "alert" : "status"}>
      {kind !== "info" && <Icon name="warning" />}
      <div>
        <p class="notice-title">{title}</p>
        {failure && <FailureText failure={failure} />}
        {hint && <Line box="p" text={hint} />}
        {retry && <Button label={text.retry} press={retry} />}
        {children}
      </div>
    </div>
  );
}

/** The server's own words, folded away: what matters most is said elsewhere. */
export function ServerNotes({ lines }: { lines: readonly string[] }) {
  const { text } = useApp();
  if (lines.length === 0) return null;
  return (
    <details class="warnings">
      <summary>{text.serverNotes}</summary>
      <ul>
        {lines.map((line) => (
          <Line key={line} box="li" text={line} />
        ))}
      </ul>
    </details>
  );
}

/** Why a question has no answer, and what to do next: in the language of the page if it has a text, and in the server's words. */
export function FailureText({ failure: { problem } }: { failure: Failure }) {
  const { text } = useApp();
  if (problem === null) return <p>{`${text.unreachable} ${text.unreachableHint}`}</p>;
  const { code, detail, hint } = problem;
  const errors: Readonly<Record<string, string>> = text.errors;
  const known = [code, `${code.split("_")[0]}_`].find((name) => Object.hasOwn(errors, name));
  return (
    <>
      {known && <p>{errors[known]}</p>}
      <p lang="en">
        <Lines text={[detail, hint].filter((line) => line).join("\n")} />
      </p>
    </>
  );
}
