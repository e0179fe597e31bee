// How fast npm's smpp is with itself: node smpp_rate.js FOLDER-OF-THE-PACKAGE WINDOW SECONDS
//
// An SMSC and a sender, each a process of its own. Every text is answered, and its receipt is handed over and taken;
// nothing is kept. Prints one object: texts a second, and the processor seconds of the sender for 1,000 of them.
const [folder, window, seconds] = process.argv.slice(2);
const smpp = require(folder);
const { fork } = require('child_process');

function serve() {
  let last = 0;
  const server = smpp.createServer({}, (session) => {
    session.socket.setNoDelay(true);
    session.on('error', () => {});
    session.on('bind_transceiver', (bind) => session.send(bind.response()));
    session.on('submit_sm', (text) => {
      const id = String(++last);
      session.send(text.response({ message_id: id }));
      const said = `id:${id} sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 stat:DELIVRD err:000 text:`;
      session.deliver_sm({
        source_addr: text.destination_addr,
        destination_addr: text.source_addr,
        esm_class: 4,
        short_message: said,
      });
    });
  });
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
}

function measure(port, smsc) {
  const session = smpp.connect({ host: '127.0.0.1', port });
  const text = {
    destination_addr: '6598765432',
    dest_addr_ton: 1,
    registered_delivery: 1,
    short_message: 'Your parcel comes today between 2 and 4 pm.',
  };
  let answered = 0;
  let received = 0;
  let began;
  let used;
  function finish() {
    const took = Number(process.hrtime.bigint() - began) / 1e9;
    const { user, system } = process.cpuUsage(used);
    console.log(JSON.stringify({ rate: received / took, processor: (user + system) / 1e3 / received }));
    smsc.kill();
    process.exit(0);
  }
  const isOver = () => Number(process.hrtime.bigint() - began) / 1e9 >= Number(seconds);
  function submit() {
    session.submit_sm(text, () => {
      answered += 1;
      if (!isOver()) submit();
    });
  }
  session.on('deliver_sm', (receipt) => {
    session.send(receipt.response());
    received += 1;
    if (isOver() && received >= answered) finish();
  });
  session.on('connect', () => {
    session.socket.setNoDelay(true);
    session.bind_transceiver({ system_id: 'outdial', password: 'secret' }, () => {
      began = process.hrtime.bigint();
      used = process.cpuUsage();
      for (let one = 0; one < Number(window); one += 1) submit();
    });
  });
}

if (process.send) {
  serve();
} else {
  const smsc = fork(__filename, process.argv.slice(2));
  smsc.on('message', (port) => measure(port, smsc));
}
