// Opens the reports in headless Chromium and checks them. Every check names what it protects; pictures of each state are
// kept for people. Usage: check.mjs CHROMIUM FOLDER
import { statSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [, , executablePath, folder] = process.argv;
const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const READY_MS = 30_000;

let failed = 0;
let checked = 0;
function check(what, holds, found = "") {
  checked++;
  if (holds) return;
  failed++;
  console.error(`FAILED ${what}${found === "" ? "" : `: ${JSON.stringify(found)}`}`);
}

/** Opens a report with a fresh profile and runs checks on it; what the page says or loads beside is an error. */
async function open(browser, name, options, checks) {
  const page = await browser.newPage({ viewport: { width: 1360, height: 900 }, ...options });
  const loaded = [];
  const said = [];
  page.on("request", (request) => loaded.push(request.url()));
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(error.message));
  await page.goto(`file://${join(folder, `${name}.html`)}`);
  await page.waitForSelector("html[data-ready]", { timeout: READY_MS });
  await checks(page);
  check(`${name}: nothing is loaded`, loaded.length === 1 && loaded[0].startsWith("file://"), loaded);
  check(`${name}: the console is empty`, said.length === 0, said);
  await page.close();
}

const picture = (page, name, fullPage = false) => page.screenshot({ path: join(folder, "pictures", `${name}.png`), fullPage });
const count = async (page) => Number((await page.textContent("#count")).replaceAll(",", "").split(" ")[0]);
const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.className);
const activeRow = (page) => page.evaluate(() => Number(document.querySelector(".gridrow.active")?.getAttribute("aria-rowindex") ?? 0));

async function verdicts(browser) {
  for (const name of ["pass", "fail", "inconclusive"]) {
    await open(browser, name, {}, async (page) => {
      check(`${name}: the verdict stands beside the title`, (await page.textContent(".title .chip")).trim().endsWith(name));
      check(`${name}: every section is there`, (await page.locator("main > section > h2").count()) >= 7);
      check(`${name}: four pillars and quality`, (await page.locator("#scorecard thead th").count()) === 7);
      const plots = page.locator("svg[role=img]");
      check(`${name}: pictures have a text alternative`, (await plots.count()) > 10
        && (await plots.evaluateAll((list) => list.every((svg) => svg.getAttribute("aria-label").length > 10))));
      check(`${name}: latency is drawn for each target`, (await page.locator("figure svg .cdf").count()) === 2);
      check(`${name}: the page does not scroll sideways`, await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      await picture(page, name);
      await picture(page, `${name}_whole`, true);
    });
  }
}

async function filters(browser) {
  await open(browser, "fail", {}, async (page) => {
    const all = await count(page);
    check("all samples are counted", all === 1200, all);
    await page.selectOption("#f-standing", { label: "wrong" });
    const wrong = await count(page);
    check("the result filters", wrong > 100 && wrong < 800, wrong);
    check("only wrong ones are shown", await page.locator(".gridrow .stand").evaluateAll((list) => list.length > 5 && list.every((cell) => cell.textContent.endsWith("wrong"))));
    await page.selectOption("#f-target", { label: "small" });
    check("filters add up", (await count(page)) < wrong);
    await page.fill("#f-text", "case-0001");
    await page.waitForFunction((before) => document.querySelector("#count").textContent !== before, await page.textContent("#count"));
    check("the search finds ids", (await count(page)) < 11);
    await page.locator("#samples").scrollIntoViewIfNeeded();
    await picture(page, "filtered");
    await page.fill("#f-text", "no text has this");
    await page.waitForSelector(".empty");
    check("an empty table says so", (await count(page)) === 0);
    await picture(page, "empty");
    await page.keyboard.press("Escape");
    check("Esc empties the search", (await page.inputValue("#f-text")) === "");
    await page.click(".filters button[type=reset]");
    await page.waitForFunction(() => document.querySelector("#count").textContent.startsWith("1,200"));
    await page.check("#f-split");
    check("cases on which targets disagree", (await count(page)) % 2 === 0 && (await count(page)) > 50, await count(page));
    await page.uncheck("#f-split");
    const slice = page.locator("#f-slice");
    await slice.selectOption({ label: "topic=weather" });
    check("the slice filters", (await count(page)) === 240, await count(page));
    await slice.selectOption("");
  });
}

async function sorting(browser) {
  await open(browser, "fail", {}, async (page) => {
    const column = (index) => page.locator(".gridrow").evaluateAll((rows, at) => rows.map((row) => row.children[at].textContent), index);
    const heads = await page.locator(".gridhead [role=columnheader]").allTextContents();
    const latency = heads.findIndex((head) => head.startsWith("Latency"));
    await page.locator(".gridhead button").nth(latency).click();
    const rising = (await column(latency)).map((text) => Number(text.replaceAll(",", "")));
    check("a column sorts upwards", rising.every((value, i) => i === 0 || rising[i - 1] <= value), rising.slice(0, 5));
    await page.locator(".gridhead button").nth(latency).click();
    const falling = (await column(latency)).map((text) => Number(text.replaceAll(",", "")));
    check("and downwards", falling[0] > rising[0] && falling.every((value, i) => i === 0 || falling[i - 1] >= value), falling.slice(0, 5));
    const sorts = await page.locator(".gridhead [role=columnheader]").evaluateAll((list) => list.map((head) => head.getAttribute("aria-sort")));
    check("the order is told to readers of the screen", sorts[latency] === "descending" && sorts.filter((sort) => sort !== "none").length === 1, sorts);
  });
}

async function keyboard(browser) {
  await open(browser, "fail", {}, async (page) => {
    await page.keyboard.press("Tab");
    check("the first stop skips to the report", (await focused(page)) === "skip");
    await page.keyboard.press("/");
    check("/ goes to the search", (await focused(page)) === "f-text");
    for (let i = 0; i < 40 && (await focused(page)) !== "rows"; i++) await page.keyboard.press("Tab");
    check("Tab reaches the table", (await focused(page)) === "rows");
    const first = await activeRow(page);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    check("arrows move", (await activeRow(page)) === first + 2, await activeRow(page));
    await page.keyboard.press("End");
    check("End goes to the last row", (await activeRow(page)) === 1201, await activeRow(page));
    await page.keyboard.press("Home");
    await page.keyboard.press("PageDown");
    check("pages move", (await activeRow(page)) > 8);
    check("the active row is told to readers of the screen", await page.evaluate(() => document.getElementById(document.getElementById("rows").getAttribute("aria-activedescendant"))?.classList.contains("active")));
    await page.keyboard.press("Enter");
    check("Enter opens a sample", await page.isVisible("#detail"));
    check("its title has the focus", await page.evaluate(() => document.activeElement.id === "detail-title"));
    const title = await page.textContent("#detail-title");
    await picture(page, "sample");
    await page.keyboard.press("ArrowRight");
    check("→ goes to the next sample", (await page.textContent("#detail-title")) !== title);
    check("scores and texts are there", (await page.locator("#detail .said pre").count()) >= 2 && (await page.locator("#detail tbody tr").count()) > 6);
    const address = await page.evaluate(() => location.hash);
    check("the address names the sample", /^#sample=\d+$/.test(address), address);
    const other = page.locator("#detail .others button[aria-current=false]").first();
    await other.click();
    check("the same case of another target", (await page.evaluate(() => location.hash)) !== address);
    await page.keyboard.press("Escape");
    check("Esc closes and returns to the table", !(await page.isVisible("#detail")) && (await focused(page)) === "rows");
  });
}

async function appearance(browser) {
  await open(browser, "fail", { colorScheme: "dark" }, async (page) => {
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await background();
    check("dark follows the system", dark === "rgb(18, 20, 23)", dark);
    await picture(page, "dark");
    await picture(page, "dark_whole", true);
    await page.focus("#rows");
    await page.keyboard.press("Enter");
    await picture(page, "dark_sample");
    await page.keyboard.press("Escape");
    await page.click("#theme");
    check("the switch wins over the system", (await background()) === "rgb(247, 247, 245)", await background());
    await page.click("#theme");
    check("and back", (await background()) === dark);
  });
  await open(browser, "pass", { viewport: { width: 390, height: 844 } }, async (page) => {
    check("a narrow screen does not scroll sideways", await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), await page.evaluate(() => document.documentElement.scrollWidth));
    await picture(page, "narrow");
  });
  await open(browser, "pass", { javaScriptEnabled: true }, async (page) => {
    const contrast = await page.evaluate(contrastOfTexts);
    check("texts have contrast 4.5 or more", contrast.worst >= 4.5, contrast);
  });
  await open(browser, "fail", { colorScheme: "dark" }, async (page) => {
    const contrast = await page.evaluate(contrastOfTexts);
    check("in the dark too", contrast.worst >= 4.5, contrast);
  });
}

/** The worst contrast of a text with what is behind it, by WCAG's formula. Runs in the page. */
function contrastOfTexts() {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  let worst = { worst: 99 };
  for (const element of document.querySelectorAll("main *, header *, nav *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest("svg") || !element.getClientRects().length) continue;
    const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst.worst) worst = { worst: ratio, text: element.textContent.slice(0, 40), class: element.className };
  }
  return worst;
}

async function oddities(browser) {
  await open(browser, "plain", {}, async (page) => {
    const text = await page.textContent("main");
    check("no gates, slices and latency are said", ["has no gates", "names no slices", "No answer has a latency"].every((said) => text.includes(said)));
    check("one target needs no column", !(await page.locator(".gridhead").textContent()).includes("Target"));
    await picture(page, "plain", true);
  });
  await open(browser, "hostile", {}, async (page) => {
    check("no answer runs", (await page.evaluate(() => window.broken)) === undefined);
    check("no answer is markup", (await page.locator("img").count()) === 0 && (await page.locator("b:text('bold')").count()) === 0);
    await page.fill("#f-text", "case-00001");
    await page.waitForFunction(() => document.querySelector("#count").textContent.startsWith("2 of"));
    await page.focus("#rows");
    await page.keyboard.press("Enter");
    const answer = await page.textContent("#detail .said.answer pre");
    check("what acts is made visible", answer === "[U+001B][31mred[U+001B][0m and [U+0000] and [U+202E] reversed", answer);
    await picture(page, "hostile");
    await page.keyboard.press("Escape");
    await page.fill("#f-text", "characters left out");
    await page.waitForFunction(() => document.querySelector("#count").textContent.startsWith("2 of"));
    check("cut texts say so", await page.isVisible("#cut"));
    await page.fill("#f-text", "no_recorded_answer");
    await page.waitForFunction(() => document.querySelector(".gridrow .stand").textContent.endsWith("error"));
    check("errors are told apart", (await count(page)) === 2);
  });
}

async function size(browser) {
  const bytes = statSync(join(folder, "two_thousand.html")).size;
  check("2,000 samples are below 2 MB", bytes < 2_000_000, bytes);
  await open(browser, "twenty_thousand", {}, async (page) => {
    check("20,000 samples are there", (await count(page)) === 20000, await count(page));
    check("few of them are in the page", (await page.locator(".gridrow").count()) < 80);
    await page.focus("#rows");
    await page.keyboard.press("End");
    check("the last row is reached", (await activeRow(page)) === 20001);
    await page.fill("#f-text", "vessel may");
    await page.waitForFunction(() => !document.querySelector("#count").textContent.startsWith("20,000"));
    check("the search narrows 20,000", (await count(page)) > 0);
    await picture(page, "twenty_thousand");
  });
}

const browser = await chromium.launch({ executablePath, args: QUIET });
try {
  for (const part of [verdicts, filters, sorting, keyboard, appearance, oddities, size]) await part(browser);
} finally {
  await browser.close();
}
console.log(`${checked} checks of the HTML report, ${failed} failed`);
process.exit(failed ? 1 : 0);
