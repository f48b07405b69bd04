// `prism proxy` for several files in one process: each command of its own takes seconds and 170 MB only to load itself.
// Arguments: Prism's folder, then JSON [{document, upstream, port}, ...]. Says "ready" when all of them answer.
'use strict';
const { createRequire } = require('module');
const path = require('path');

const [folder, text] = process.argv.slice(2);
const { createSingleProcessPrism } = createRequire(path.join(folder, 'package.json'))(
  '@stoplight/prism-cli/dist/util/createServer'
);

// Without `errors`: that refuses a request with a listed mistake of the document before it reaches the sandbox, so that
// its answer would never be looked at. The same findings come in the header `sl-violations` of each answer.
const common = { cors: true, host: '127.0.0.1', multiprocess: false, errors: false, validateRequest: true, verboseLevel: 'error' };

async function main() {
  for (const each of JSON.parse(text)) {
    await createSingleProcessPrism({ ...common, ...each, upstream: new URL(each.upstream) });
  }
  console.log('ready');
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
