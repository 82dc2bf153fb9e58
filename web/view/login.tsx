import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Failure, orFailure } from "../api/failure.ts";
import { useApp, useMessages } from "./context.ts";
import { Notice } from "./parts.tsx";

/** Asks for the token of the server. */
export function Login() {
  const { login } = useApp();
  const text = useMessages();
  const token = useSignal("");
  const isBusy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current!.focus(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    failure.value = null;
    const answer = await orFailure(login(token.value));
    if (!(answer instanceof Failure)) return;
    failure.value = answer;
    isBusy.value = false;
  };
  return (
    <main class="login">
      <form onSubmit={(event) => void submit(event)}>
        <h1>{text.loginTitle}</h1>
        <p>{text.loginWhat}</p>
        <label class="field">
          <span>{text.token}</span>
          <input
            ref={field}
            type="password"
            name="token"
            autocomplete="current-password"
            required
            value={token.value}
            onInput={({ currentTarget }) => {
              token.value = currentTarget.value;
            }}
          />
        </label>
        {failure.value === null ? null : <Refused failure={failure.value} />}
        <button type="submit" class="button primary" disabled={isBusy.value}>
          {text.login}
        </button>
      </form>
    </main>
  );
}

const WRONG = "TOKEN_WRONG";

function Refused({ failure }: { failure: Failure }) {
  const text = useMessages();
  if (failure.problem?.code === WRONG) return <Notice kind="error" title={text.wrongToken} />;
  return <Notice kind="error" title={text.notSignedIn} failure={failure} />;
}
