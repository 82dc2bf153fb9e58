import { useSignal } from "@preact/signals";
import { Failure } from "../api/failure.ts";
import { useApp, useMessages } from "./context.ts";
import { FailureText } from "./failure-text.tsx";
import { Notice } from "./notice.tsx";

/** Asks for the token of the server. */
export function Login() {
  const { login } = useApp();
  const text = useMessages();
  const token = useSignal("");
  const failure = useSignal<Failure | null>(null);
  const isBusy = useSignal(false);
  const send = async () => {
    isBusy.value = true;
    failure.value = null;
    try {
      await login(token.value);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      failure.value = error;
      isBusy.value = false;
    }
  };
  return (
    <main class="login">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <h1>{text.loginTitle}</h1>
        <p>{text.loginWhat}</p>
        <label class="field">
          <span>{text.token}</span>
          <input
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
        {failure.value === null ? null : (
          <Notice kind="error" title={failure.value.problem?.status === 401 ? text.wrongToken : text.failed}>
            {failure.value.problem?.status === 401 ? null : <FailureText failure={failure.value} />}
          </Notice>
        )}
        <button type="submit" class="button primary" disabled={isBusy.value}>
          {text.login}
        </button>
      </form>
    </main>
  );
}
