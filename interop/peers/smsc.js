// An SMSC made of npm's smpp, for the tests: node smsc.js FOLDER-OF-THE-PACKAGE PORT [KEY CERTIFICATE]
//
// Prints "ready" once it listens, and a line of JSON for every text that it takes, with the text as npm's smpp
// decodes it. The last digits of the receiver say what is done with a text:
//   01  the first one is throttled       02  refused: the receiver is no number
//   03  the receipt comes first          04  never answered
//   05  answered twice                   06  the connection is closed
//   07  delivered, told by fields only   otherwise delivered, told by a text
// A text to 99 makes it send one of its own, in two parts. Only user "outdial" with the password "secret" may bind.
const [folder, port, key, certificate] = process.argv.slice(2);
const smpp = require(folder);
const fs = require('fs');

let last = 0;
let throttled = false;
const receivers = new Set();

function receipt(text, id, fields) {
  const session = [...receivers].pop();
  if (!session) return;
  const common = { source_addr: text.destination_addr, destination_addr: text.source_addr, esm_class: 4 };
  if (fields) {
    session.deliver_sm({ ...common, receipted_message_id: id, message_state: 2 });
  } else {
    const said = `id:${id} sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 stat:DELIVRD err:000 text:`;
    session.deliver_sm({ ...common, short_message: said });
  }
}

function sendParts(text) {
  const session = [...receivers].pop();
  if (!session) return;
  ['First, ', 'second 👍'].forEach((part, place) => {
    session.deliver_sm({
      source_addr_ton: 1,
      source_addr: text.destination_addr,
      destination_addr: text.source_addr,
      data_coding: 8,
      short_message: { udh: Buffer.from([5, 0, 3, 9, 2, place + 1]), message: part },
    });
  });
}

function taken(text) {
  const message = text.short_message && text.short_message.message;
  const payload = text.message_payload && (text.message_payload.message || text.message_payload);
  const udh = text.short_message && text.short_message.udh;
  console.log(JSON.stringify({
    to: text.destination_addr,
    from: text.source_addr,
    text: String(message && message.length ? message : payload || ''),
    header: udh ? [].concat(udh).map((one) => Buffer.from(one).toString('hex')).join('') : '',
    coding: text.data_coding,
    segment: text.sar_segment_seqnum || 0,
  }));
}

function serve(session) {
  session.on('error', () => receivers.delete(session));
  session.on('close', () => receivers.delete(session));
  for (const kind of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) {
    session.on(kind, (bind) => {
      if (bind.system_id !== 'outdial' || bind.password !== 'secret') {
        session.send(bind.response({ command_status: smpp.ESME_RBINDFAIL }));
        return session.close();
      }
      if (kind !== 'bind_transmitter') receivers.add(session);
      session.send(bind.response({ system_id: 'npm' }));
    });
  }
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => {
    session.send(pdu.response());
    session.close();
  });
  session.on('query_sm', (pdu) => session.send(pdu.response({ message_id: pdu.message_id, message_state: 2 })));
  session.on('submit_sm', (text) => {
    const refuse = (command_status) => session.send(text.response({ command_status }));
    const number = text.destination_addr.slice(-2);
    if (number === '01' && !throttled) {
      throttled = true;
      return refuse(smpp.ESME_RTHROTTLED);
    }
    if (number === '02') return refuse(smpp.ESME_RINVDSTADR);
    const id = `m${++last}`;
    taken(text);
    if (number === '03') receipt(text, id, false);
    if (number === '04') return undefined;
    if (number === '06') return session.destroy();
    session.send(text.response({ message_id: id }));
    if (number === '05') session.send(text.response({ message_id: `${id}-again` }));
    if (number === '99') return sendParts(text);
    if (number !== '03') receipt(text, id, number === '07');
    return undefined;
  });
}

const options = key ? { key: fs.readFileSync(key), cert: fs.readFileSync(certificate) } : {};
const server = smpp.createServer(options, serve);
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
