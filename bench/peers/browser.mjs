// Opens a page in Chromium, 50 ms away, and prints after how many milliseconds its first task is there: browser.mjs URL
import { execFileSync } from "node:child_process";
import { chromium } from "playwright-core";

const find = "command -v chromium-headless-shell || command -v chromium";
const executablePath = execFileSync("sh", ["-c", find], { encoding: "utf8" }).trim();
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage();
const devtools = await page.context().newCDPSession(page);
const latency = { offline: false, latency: 50, downloadThroughput: -1, uploadThroughput: -1 };
await devtools.send("Network.emulateNetworkConditions", latency);
const began = performance.now();
await page.goto(process.argv[2], { waitUntil: "commit" });
await page.locator(".task").first().waitFor();
console.log(performance.now() - began);
await browser.close();
