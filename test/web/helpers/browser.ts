import { execFileSync } from "node:child_process";
import axe from "axe-core";
import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
  type Request,
} from "playwright-core";
import { until } from "../../helpers/until.ts";

/** No requests of its own, no graphics card. */
const FLAGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];
/** Longer than the time between two refreshes, in milliseconds. */
const REFRESH = 6_000;

/** Starts a browser with a temporary profile. */
export function startBrowser(): Promise<Browser> {
  // Debian's headless shell opens a tab in half the time; `script/test` installs it.
  const executablePath = execFileSync("sh", ["-c", "command -v chromium-headless-shell || command -v chromium"], {
    encoding: "utf8",
  }).trim();
  return chromium.launch({ executablePath, args: FLAGS, handleSIGHUP: false }); // it is meant for a server
}

export interface TabOptions extends BrowserContextOptions {
  /** Whether the page gets changes by its stream. Otherwise it asks for them, which `refreshes` waits for. */
  readonly live?: boolean;
}

/** As a proxy that knows no streams. Runs in the page. */
function withoutStream(): void {
  const original = window.fetch;
  window.fetch = (asked, options) => {
    const isStream = typeof asked === "string" && asked === "stream";
    return isStream ? Promise.resolve(new Response("no stream")) : original(asked, options);
  };
}

/** A tab in a fresh context that records everything a page must not do. */
export class Tab {
  readonly page: Page;
  readonly requests: Request[] = [];
  /** Errors on the console, which violations of the CSP are too, exceptions, and requests to other hosts. */
  #complaints: string[] = [];
  #refusals = 0;

  private constructor(page: Page, origin: string) {
    this.page = page;
    page.on("pageerror", (error) => this.#complaints.push(`exception: ${error.stack}`));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.#complaints.push(`console: ${message.text()}`);
      if (message.text().includes("Failed to load resource")) this.#refusals++;
    });
    page.on("request", (request) => {
      this.requests.push(request);
      if (!request.url().startsWith(origin)) this.#complaints.push(`request: ${request.url()}`);
    });
  }

  /** Its clock goes on, and `refreshes` puts it forward. */
  static async open(browser: Browser, url: string, { live = false, ...options }: TabOptions): Promise<Tab> {
    const context = await browser.newContext({ locale: "en-US", viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    if (!live) await page.addInitScript(withoutStream);
    page.setDefaultTimeout(20_000);
    const tab = new Tab(page, new URL(url).origin);
    await page.clock.install();
    await page.goto(url);
    return tab;
  }

  get complaints(): readonly string[] {
    return this.#complaints;
  }

  /** Accepts what a browser writes on the console, maybe later, for each answer of 400 and more to the requests so far. */
  async expectsRefusals(): Promise<void> {
    await until(async () => {
      const answers = await Promise.all(this.requests.map((request) => request.response()));
      const refused = answers.filter((answer) => answer !== null && answer.status() >= 400).length;
      return this.#refusals >= refused;
    });
    this.#complaints = this.#complaints.filter((line) => !line.includes("Failed to load resource"));
  }

  /** Requests so far for a path. */
  asked(path: RegExp): Request[] {
    return this.requests.filter((request) => path.test(new URL(request.url()).pathname));
  }

  rows(): Locator {
    return this.page.locator(".task");
  }

  row(taskId: string): Locator {
    return this.rows().filter({ has: this.opener(taskId) });
  }

  /** The button that opens the row of a task. */
  opener(taskId: string): Locator {
    return this.page.getByRole("button", { name: taskId, exact: true });
  }

  /** Opens the row of a task, and waits for what is in it. */
  async opens(taskId: string): Promise<Locator> {
    await this.opener(taskId).click();
    await this.row(taskId).locator(".fields").waitFor();
    return this.row(taskId);
  }

  /** A field of the filter's panel, which is opened for it. */
  async inPanel(name: string): Promise<Locator> {
    const more = this.page.locator(".filter button[aria-expanded]");
    if ((await more.getAttribute("aria-expanded")) === "false") await more.click();
    return this.page.locator(`.filter-more input[name=${name}]`);
  }

  /** Opens the menu of the list, and closes it after the work. */
  async inMenu(work: (menu: Locator) => Promise<unknown>): Promise<void> {
    const menu = this.page.locator("details.live");
    await menu.locator("summary").click();
    await work(menu);
    await this.page.keyboard.press("Escape");
  }

  /** Types into a field of the filter, and applies it. */
  async enters(name: "user" | "search" | "token", text: string): Promise<void> {
    await this.page.locator(`input[name=${name}]`).fill(text);
    await this.page.locator(`input[name=${name}]`).press("Enter");
  }

  /** Presses the button of the dialog that deletes. */
  confirmsDeletion(): Promise<void> {
    return this.page
      .getByRole("dialog")
      .getByRole("button", { name: /^Delete [\d,]+ tasks?$/ })
      .click();
  }

  /** The part of the address behind its `#`, with it. */
  hash(): string {
    return decodeURIComponent(new URL(this.page.url()).hash);
  }

  /** The body of the last question with a filter. */
  lastQuery(): Record<string, string> {
    return this.asked(/\/voice-tasks\/query$/)
      .at(-1)!
      .postDataJSON();
  }

  /** Waits until these tasks are among the rows, in this order. */
  async sees(taskIds: readonly string[], { count }: { count?: number } = {}): Promise<void> {
    let shown: string[] = [];
    await until(async () => {
      shown = await this.rows().locator(".task-id").allTextContents();
      const wanted = shown.filter((id) => taskIds.includes(id));
      return wanted.join() === taskIds.join() && (count === undefined || shown.length === count);
    }).catch((cause) => {
      throw new Error(`not ${taskIds} of ${count ?? "any"}, but ${shown}`, { cause });
    });
  }

  /** Lets the time until the next refresh go by, and waits for its answer. */
  async refreshes(path = /\/voice-tasks(\/query)?$/): Promise<void> {
    const answered = this.page.waitForResponse((response) => path.test(new URL(response.url()).pathname));
    await this.page.clock.fastForward(REFRESH);
    await (await answered).finished();
  }

  /** What axe finds: names, roles, contrasts, order of headings and the like. */
  async problems(): Promise<string[]> {
    await this.page.evaluate(axe.source);
    const { violations } = await this.page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run());
    return violations.map(({ help, nodes }) => `${help}: ${nodes.map(({ html }) => html).join(", ")}`);
  }

  /** The text of what has the focus. */
  focused(): Promise<string> {
    return this.page.evaluate(() => document.activeElement?.textContent ?? "");
  }

  /** Waits until the player's time goes on. */
  async plays(): Promise<void> {
    const timeOf = () => this.page.locator("audio").evaluate((audio) => (audio as HTMLAudioElement).currentTime);
    const before = await timeOf();
    await until(async () => (await timeOf()) > before);
  }

  /** As if another tab were in front of it; a headless browser has no front. */
  async setHidden(isHidden: boolean): Promise<void> {
    await this.page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden);
  }

  close(): Promise<void> {
    return this.page.context().close();
  }
}
