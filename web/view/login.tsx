import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Failure, orFailure } from "../api/failure.ts";
import { useApp } from "./context.ts";
import { Button, Field, Notice } from "./parts.tsx";

export function Login() {
  const { login, text } = useApp();
  const isBusy = useSignal(false);
  const failure = useSignal<Failure | null>(null);
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current!.focus(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    failure.value = null;
    const answer = await orFailure(login(field.current!.value));
    if (!(answer instanceof Failure)) return;
    failure.value = answer;
    isBusy.value = false;
  };
  const refusal = failure.value;
  const isWrong = refusal?.problem?.code === "TOKEN_WRONG";
  return (
    <main class="login">
      <form onSubmit={(event) => void submit(event)}>
        <h1>{text.loginTitle}</h1>
        <p>{text.loginWhat}</p>
        <Field label={text.token}>
          <input ref={field} type="password" name="token" autocomplete="current-password" required />
        </Field>
        {isWrong && <Notice kind="error" title={text.errors.TOKEN_WRONG} />}
        {refusal && !isWrong && <Notice kind="error" title={text.notSignedIn} failure={refusal} />}
        <Button type="submit" kind="primary" label={text.login} disabled={isBusy.value} />
      </form>
    </main>
  );
}
