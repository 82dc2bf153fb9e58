import { useSignal } from "@preact/signals";
import { useId, useRef } from "preact/hooks";
import { Failure, orFailure } from "../api/failure.ts";
import { useApp } from "./context.ts";

/** After a key, before the server is asked. */
const PAUSE_MS = 200;
/** In characters. Longer ids aren't suggested. */
const LONGEST = 200;

/** Users to suggest for what is typed, and the id of their list. */
export function useSuggestions() {
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
    users.value = found.filter(({ length }) => length <= LONGEST);
  };
  return { id, users: users.value, suggest };
}

export function Suggestions({ id, users }: { id: string; users: readonly string[] }) {
  return (
    <datalist id={id}>
      {users.map((user) => (
        <option key={user} value={user} />
      ))}
    </datalist>
  );
}
