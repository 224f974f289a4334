// express-rate-limit and rate-limiter-flexible, each rule under a path of its own.
// node _express.js '{"rules": {NAME: {...}}, "skew": SECONDS, "answer": JSON}'; prints its port.
const { rules, skew, answer } = JSON.parse(process.argv[2]);

// The clock of a machine that is ahead: of everything that asks for the time, Date headers included.
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...parts) {
    if (parts.length) super(...parts);
    else super(RealDate.now() + 1000 * skew);
  }
  static now() {
    return RealDate.now() + 1000 * skew;
  }
};

const express = require("express");
const { rateLimit } = require("express-rate-limit");
const { RateLimiterMemory } = require("rate-limiter-flexible");

const SPELLINGS = {
  date: (ms) => String(new Date(Date.now() + ms)),
  milliseconds: (ms) => Date.now() + ms,
  epoch: (ms) => Math.ceil((Date.now() + ms) / 1000),
  delta: (ms) => ms / 1000,
};

function byExpress({ limit, per, form }) {
  return rateLimit({
    windowMs: 1000 * per,
    limit,
    standardHeaders: form.startsWith("draft") ? form : false,
    legacyHeaders: form === "legacy",
    identifier: `${limit}-in-${per}`,
    keyGenerator: () => "till",
  });
}

function byFlexible({ limit, per, form }) {
  const limiter = new RateLimiterMemory({ points: limit, duration: per });
  return async (request, response, next) => {
    let state, refused = false;
    try {
      state = await limiter.consume("till");
    } catch (rejected) {
      state = rejected;
      refused = true;
    }
    response.set({
      "X-RateLimit-Limit": limit,
      "X-RateLimit-Remaining": state.remainingPoints,
      "X-RateLimit-Reset": SPELLINGS[form](state.msBeforeNext),
    });
    if (!refused) return next();
    response.set("Retry-After", state.msBeforeNext / 1000).status(429).send("{}");
  };
}

const app = express();
app.use((request, response, next) => {
  response.sendDate = false;
  response.setHeader("Date", new Date().toUTCString());
  next();
});
for (const [name, { kind, quotas, form }] of Object.entries(rules)) {
  const make = kind === "express" ? byExpress : byFlexible;
  const limiters = quotas.map(([limit, per]) => make({ limit, per, form }));
  app.use(`/${name}`, ...limiters, (request, response) => response.type("json").send(answer));
}
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
// The owner's end closes the pipe.
process.stdin.on("end", () => process.exit(0)).resume();
