import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { messagesIn } from "../i18n/language.ts";
import type { Messages } from "../i18n/messages.ts";
import type { App } from "../state/app.ts";

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  return useContext(AppContext)!;
}

/** What the page says, in the language chosen. */
export function useMessages(): Messages {
  return messagesIn(useApp().preferences.language.value);
}
