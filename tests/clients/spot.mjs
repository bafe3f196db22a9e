// @binance/spot, the official JavaScript one: REST, streams, WebSocket API with logon.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Spot } from '@binance/spot';

const S = 'BTCUSDT';
// The generated market's seed: the same each time, so that a failure can be looked at again.
const SEED = process.env.RINGFENCE_SEED ?? '20240808';
const failed = [];
let done = 0;

async function step(name, work) {
  done += 1;
  let timer;
  try {
    const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error('took longer than 20 s')), 20_000); });
    await Promise.race([work(), late]);
  } catch (error) {
    const at = String(error.stack).split('\n').find((line) => line.includes('spot.mjs')) ?? '';
    failed.push(`${name}: ${String(error.message).split('\n').slice(0, 6).join(' ').slice(0, 300)} ${at.trim()}`);
  } finally {
    clearTimeout(timer);
  }
}

const around = (price, part) => Number((Number(price) * part).toFixed(2));

async function refused(code, work) {
  const error = await work().then(() => null, (error) => error);
  assert.ok(error, `not refused with ${code}`);
  assert.equal(error.code, code, error.message);
}

async function rest(api) {
  const data = async (call) => (await call).data();
  await step('market data', async () => {
    await data(api.ping());
    assert.ok((await data(api.time())).serverTime > 1_600_000_000_000);
    assert.equal((await data(api.exchangeInfo({ symbol: S }))).symbols[0].symbol, S);
    assert.equal((await data(api.exchangeInfo({ symbols: [S, 'ETHUSDT'] }))).symbols.length, 2);
    assert.equal((await data(api.depth({ symbol: S, limit: 5 }))).bids.length, 5);
    assert.ok((await data(api.getTrades({ symbol: S, limit: 3 }))).length > 0);
    assert.ok((await data(api.aggTrades({ symbol: S, limit: 3 }))).length > 0);
    assert.equal((await data(api.klines({ symbol: S, interval: '1m', limit: 3 }))).length, 3);
    assert.ok(Number((await data(api.avgPrice({ symbol: S }))).price) > 0);
    assert.equal((await data(api.ticker24hr({ symbol: S }))).symbol, S);
    assert.equal((await data(api.tickerBookTicker({ symbol: S }))).symbol, S);
    assert.ok((await data(api.exchangeInfo({ permissions: ['SPOT'], symbolStatus: 'TRADING' }))).symbols.length > 1);
    assert.equal((await data(api.uiKlines({ symbol: S, interval: '1h', limit: 2 })))[0].length, 12);
    for (const windowSize of ['1m', '1h', '7d']) {
      assert.equal((await data(api.ticker({ symbol: S, windowSize }))).symbol, S);
    }
    assert.equal((await data(api.tickerTradingDay({ symbol: S }))).symbol, S);
    let agg = [];
    while (agg.length < 4) agg = await data(api.aggTrades({ symbol: S, limit: 4 }));
    const part = await data(api.aggTrades({ symbol: S, fromId: agg[1].a, limit: 2 }));
    assert.deepEqual(part.map((row) => row.a), [agg[1].a, agg[2].a]);
    assert.equal((await data(api.historicalTrades({ symbol: S, fromId: 1, limit: 2 }))).length, 2);
    assert.ok((await data(api.executionRules({ symbol: S }))).symbolRules);
  });
  const price = (await data(api.tickerPrice({ symbol: S }))).price;
  const low = around(price, 0.9), high = around(price, 1.1);
  const limit = { symbol: S, timeInForce: 'GTC', quantity: 0.01 };
  await step('orders', async () => {
    await data(api.orderTest({ ...limit, side: 'BUY', type: 'LIMIT', price: low }));
    const order = await data(api.newOrder({ ...limit, side: 'BUY', type: 'LIMIT', price: low, newClientOrderId: 'js-1' }));
    assert.equal(order.status, 'NEW');
    assert.equal((await data(api.getOrder({ symbol: S, orderId: order.orderId }))).clientOrderId, 'js-1');
    const amended = await data(api.orderAmendKeepPriority({ symbol: S, orderId: order.orderId, newQty: 0.005 }));
    assert.equal(Number(amended.amendedOrder.qty), 0.005);
    const amendments = await data(api.orderAmendments({ symbol: S, orderId: order.orderId }));
    assert.deepEqual(amendments.map((row) => Number(row.newQty)), [0.005]);
    assert.equal((await data(api.deleteOrder({ symbol: S, orderId: order.orderId }))).status, 'CANCELED');
    assert.equal((await data(api.newOrder({ symbol: S, side: 'BUY', type: 'MARKET', quantity: 0.01 }))).status, 'FILLED');
    assert.equal((await data(api.newOrder({ symbol: S, side: 'BUY', type: 'MARKET', quoteOrderQty: 100 }))).status, 'FILLED');
    for (const [type, stopPrice] of [['STOP_LOSS_LIMIT', low], ['TAKE_PROFIT_LIMIT', high]]) {
      const stop = await data(api.newOrder({ ...limit, side: 'SELL', type, price: stopPrice, stopPrice }));
      assert.ok(stop.orderId > 0);
    }
    assert.equal((await data(api.deleteOpenOrders({ symbol: S }))).length, 2);
    const old = await data(api.newOrder({ ...limit, side: 'BUY', type: 'LIMIT', price: low }));
    const replaced = await data(api.orderCancelReplace({
      ...limit, side: 'BUY', type: 'LIMIT', price: low, cancelReplaceMode: 'STOP_ON_FAILURE', cancelOrderId: old.orderId,
    }));
    assert.equal(replaced.newOrderResult, 'SUCCESS');
    assert.equal((await data(api.deleteOpenOrders({ symbol: S }))).length, 1);
  });
  await step('order lists', async () => {
    const oco = await data(api.orderListOco({
      symbol: S, side: 'SELL', quantity: 0.01, aboveType: 'LIMIT_MAKER', abovePrice: high, belowType: 'STOP_LOSS', belowStopPrice: low,
    }));
    assert.equal(oco.orders.length, 2);
    const ended = await data(api.deleteOrderList({ symbol: S, orderListId: oco.orderListId }));
    assert.equal(ended.listOrderStatus, 'ALL_DONE');
    const otoco = await data(api.orderListOtoco({
      symbol: S, workingType: 'LIMIT', workingSide: 'BUY', workingPrice: low, workingQuantity: 0.01, workingTimeInForce: 'GTC',
      pendingSide: 'SELL', pendingQuantity: 0.01, pendingAboveType: 'LIMIT_MAKER', pendingAbovePrice: high,
      pendingBelowType: 'STOP_LOSS', pendingBelowStopPrice: around(price, 0.8),
    }));
    assert.equal(otoco.orders.length, 3);
    await data(api.deleteOrderList({ symbol: S, orderListId: otoco.orderListId }));
    const working = { symbol: S, workingType: 'LIMIT', workingSide: 'BUY', workingPrice: low, workingQuantity: 0.01, workingTimeInForce: 'GTC' };
    const opo = await data(api.orderListOpo({ ...working, pendingType: 'MARKET', pendingSide: 'SELL' }));
    assert.deepEqual(opo.orderReports.map((row) => row.status), ['NEW', 'PENDING_NEW']);
    const opoco = await data(api.orderListOpoco({
      ...working, pendingSide: 'SELL', pendingAboveType: 'LIMIT_MAKER', pendingAbovePrice: high,
      pendingBelowType: 'STOP_LOSS', pendingBelowStopPrice: around(price, 0.8),
    }));
    assert.equal(opoco.orders.length, 3);
    assert.equal((await data(api.openOrderList({}))).length, 2);
    assert.equal((await data(api.deleteOpenOrders({ symbol: S }))).length, 2);
    assert.ok((await data(api.allOrderList({}))).length >= 4);
  });
  await step('account', async () => {
    assert.ok((await data(api.getAccount({}))).balances.length > 0);
    const trades = await data(api.myTrades({ symbol: S }));
    const page = await data(api.myTrades({ symbol: S, fromId: trades[1].id, limit: 1 }));
    assert.deepEqual(page.map((row) => row.id), [trades[1].id]);
    const held = (await data(api.getAccount({ omitZeroBalances: true }))).balances;
    assert.ok(held.length > 0 && held.every((row) => Number(row.free) + Number(row.locked) > 0));
    assert.ok((await data(api.myFilters({ symbol: S }))).symbolFilters.length > 0);
    assert.deepEqual(await data(api.myPreventedMatches({ symbol: S, orderId: 1 })), []);
    assert.deepEqual(await data(api.myAllocations({ symbol: S })), []);
    assert.ok((await data(api.allOrders({ symbol: S }))).length > 0);
    assert.ok((await data(api.accountCommission({ symbol: S }))).standardCommission);
    assert.ok((await data(api.rateLimitOrder({}))).length >= 2);
  });
  await step('errors', async () => {
    await refused(-1121, () => api.depth({ symbol: 'NOPE' }));
    await refused(-2011, () => api.deleteOrder({ symbol: S, orderId: 99999999 }));
    await refused(-2010, () => api.newOrder({ ...limit, side: 'BUY', type: 'LIMIT', price: low, quantity: 100 }));
    await refused(-1013, () => api.sorOrder({ ...limit, side: 'BUY', type: 'LIMIT', price: low }));
    await refused(-2043, () => api.referencePrice({ symbol: S }));
    await refused(-2038, async () => {
      const order = await data(api.newOrder({ ...limit, side: 'BUY', type: 'LIMIT', price: low }));
      await api.orderAmendKeepPriority({ symbol: S, orderId: order.orderId, newQty: 0.02 });
    });
  });
  return price;
}

async function streams(url) {
  await step('streams', async () => {
    const connection = await new Spot({ configurationWebsocketStreams: { wsURL: url } }).websocketStreams.connect();
    const first = (stream) => new Promise((yes) => stream.on('message', yes));
    const [trade, book, kline, depth] = await Promise.all([
      first(connection.trade({ symbol: 'btcusdt' })), first(connection.bookTicker({ symbol: 'btcusdt' })),
      first(connection.kline({ symbol: 'btcusdt', interval: '1s' })), first(connection.partialBookDepth({ symbol: 'btcusdt', levels: '5' })),
    ]);
    assert.equal(trade.s, S);
    assert.ok(Number(book.b) < Number(book.a));
    assert.equal(kline.k.s, S);
    assert.equal(depth.bids.length, 5);
    await connection.disconnect();
  });
}

async function webSocketApi(configuration, price, logon) {
  await step(`WebSocket API ${logon ? 'after logon' : 'signed'}`, async () => {
    const connection = await new Spot({ configurationWebsocketAPI: configuration }).websocketAPI.connect();
    if (logon) {
      await connection.sessionLogon();
    }
    const { stream } = logon ? await connection.userDataStreamSubscribe() : await connection.userDataStreamSubscribeSignature();
    const events = [];
    let wake = () => {};
    stream.on('message', (event) => { events.push(event); wake(); });
    const until = async (is) => { while (!events.some(is)) await new Promise((yes) => { wake = yes; }); };
    const order = (await connection.orderPlace({
      symbol: S, side: 'BUY', type: 'LIMIT', timeInForce: 'GTC', quantity: 0.01, price: around(price, 0.9),
    })).data;
    await until((event) => event.e === 'executionReport' && event.x === 'NEW' && event.i === order.orderId);
    assert.equal((await connection.orderStatus({ symbol: S, orderId: order.orderId })).data.status, 'NEW');
    assert.equal((await connection.orderCancel({ symbol: S, orderId: order.orderId })).data.status, 'CANCELED');
    await until((event) => event.x === 'CANCELED');
    assert.ok((await connection.accountStatus({})).data.balances.length > 0);
    assert.equal((await connection.depth({ symbol: S, limit: 5 })).data.asks.length, 5);
    await connection.disconnect();
  });
}

const folder = mkdtempSync(join(tmpdir(), 'spot-'));
const { publicKey, privateKey } = generateKeyPairSync('ed25519', {
  publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const balances = { USDT: '1000000', BTC: '10', ETH: '100' };
const accounts = join(folder, 'accounts.json');
writeFileSync(accounts, JSON.stringify([
  { api_key: 'js-hmac', secret_key: 'js-secret', balances },
  { api_key: 'js-ed25519', public_key: publicKey, balances },
]));
const sim = spawn(process.env.RINGFENCE, [
  'sim', '--listen', '127.0.0.1:0', '--json', '--seed', SEED, '--accounts', accounts, '--limit', 'weight=60000,orders-10s=1000',
], { stdio: ['ignore', 'pipe', 'inherit'] });
const ended = new Promise((yes) => sim.on('exit', yes));
const line = await createInterface({ input: sim.stdout })[Symbol.asyncIterator]().next();
const at = JSON.parse(line.value);
const hmac = { apiKey: 'js-hmac', apiSecret: 'js-secret' };
const api = new Spot({ configurationRestAPI: { ...hmac, basePath: at.rest, timeout: 5000 } }).restAPI;
let price = 0;
try {
  price = await rest(api);
} catch (error) {
  failed.push(`REST broke off: ${error.message}`);
}
await streams(at.stream);
await webSocketApi({ ...hmac, wsURL: at.ws_api }, price, false);
await webSocketApi({ apiKey: 'js-ed25519', privateKey, wsURL: at.ws_api }, price, true);
sim.kill('SIGTERM');
const code = await ended;
if (code !== 0) failed.push(`the exchange ended with code ${code}`);
rmSync(folder, { recursive: true });
failed.forEach((what) => console.log(`FAILED @binance/spot: ${what}`));
console.log(`@binance/spot: ${done - failed.length} of ${done} steps hold (RINGFENCE_SEED=${SEED})`);
process.exit(failed.length ? 1 : 0);
