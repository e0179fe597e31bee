// The npm packages exotel-node and exotel, unchanged, under the name of the service: calls by XML.
//
// node exotel_calls.js FOLDER-OF-PACKAGES SID TOKEN FIRST SECOND CALLER-ID
//
// Prints JSON. The name leads where this machine says, and the certificate is one of NODE_EXTRA_CA_CERTS.
'use strict';
const path = require('node:path');
const [folder, sid, token, first, second, callerId] = process.argv.slice(2);
const calls = require(path.join(folder, 'exotel-node'));
const texts = require(path.join(folder, 'exotel'))({ id: sid, token });

calls.init(sid, token, callerId);
const asked = (ask) => new Promise((resolve, reject) => ask((error, answer) => (error ? reject(error) : resolve(answer))));

(async () => {
  const call = await asked((done) => calls.connectCall(first, second, done));
  let details = call;
  while (['queued', 'ringing', 'in-progress'].includes(details.Status)) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    details = await asked((done) => calls.getCallDetails(call.Sid, done));
  }
  const sms = await asked((done) => texts.sendSMS(first, 'Hello', done)).catch((error) => error.message);
  console.log(JSON.stringify({ call, details, sms }));
})();
