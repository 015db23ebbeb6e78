// Requests /readyz until the response is 200, and prints each response that differs from the previous one: wait-ready.mjs URL SECONDS
const [url, seconds] = process.argv.slice(-2);
const end = Date.now() + Number(seconds) * 1000;
const say = (text) => process.stdout.write(`${text}\n`);
let last;
for (;;) {
  const { ready, text } = await ask();
  if (text !== last) say(text);
  last = text;
  if (ready) break;
  if (Date.now() >= end) {
    say(`${url} was not ready within ${seconds} seconds. Its last answer is above.`);
    process.exitCode = 1;
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 2000));
}

async function ask() {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    return { ready: response.ok, text: `${response.status} ${(await response.text()).trim()}` };
  } catch (error) {
    return { ready: false, text: `No answer from ${url}: ${error.cause?.message ?? error.message}` };
  }
}
