import type { Failure } from "../api/failure.ts";
import { useMessages } from "./context.ts";
import { Line } from "./field-text.tsx";

/** Why a question has no answer, in the server's own words, and what to do next. */
export function FailureText({ failure }: { failure: Failure }) {
  const text = useMessages();
  const { problem } = failure;
  if (problem === null) {
    return (
      <p>
        {text.unreachable} {text.unreachableHint}
      </p>
    );
  }
  return (
    <>
      <p>
        <Line text={problem.detail} />
      </p>
      {problem.hint === "" ? null : (
        <p class="hint">
          <Line text={problem.hint} />
        </p>
      )}
    </>
  );
}
