"""ccxt: the unified calls over REST, and ccxt.pro over sockets."""

import asyncio
from decimal import Decimal as D

import ccxt
import ccxt.pro
from check import eq, finish, step, venue

S = "BTC/USDT"


def point(exchange, at):
    """The base URLs and the market type are all that is changed."""
    for name in ("public", "private", "v1"):
        exchange.urls["api"][name] = at["rest"] + "/api/v3"
    exchange.urls["api"]["ws"] = {
        "spot": at["stream"] + "/ws", "margin": at["stream"] + "/ws", "ws-api": {"spot": at["ws_api"]}
    }
    return exchange


def options(at):
    return {
        "apiKey": at["api_key"],
        "secret": at["secret_key"],
        "enableRateLimit": False,
        "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
    }


def refused(kind, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind:
        return
    raise AssertionError(f"not refused with {kind.__name__}")


def market(x):
    with step("markets"):
        markets = x.load_markets()
        m = markets[S]
        eq((m["id"], m["base"], m["quote"], m["active"], m["spot"]), ("BTCUSDT", "BTC", "USDT", True, True))
        assert m["precision"]["price"] == 0.01 and m["limits"]["cost"]["min"] > 0
    with step("time and status"):
        assert x.fetch_time() > 1_600_000_000_000
    with step("order book"):
        book = x.fetch_order_book(S, 10)
        eq((len(book["bids"]), len(book["asks"])), (10, 10))
        assert book["bids"][0][0] < book["asks"][0][0] and book["nonce"] > 0
    with step("trades and candles"):
        trades = x.fetch_trades(S, limit=5)
        assert trades and trades[0]["symbol"] == S and trades[0]["side"] in ("buy", "sell")
        rows = x.fetch_ohlcv(S, "1m", limit=10)
        eq((len(rows), len(rows[0])), (10, 6))
        since = rows[0][0]
        eq(x.fetch_ohlcv(S, "1m", since=since, limit=3)[0][0], since)
        for frame in ("1s", "5m", "1h", "1d", "1w", "1M"):
            rows = x.fetch_ohlcv(S, frame, limit=2)
            assert rows and all(row[3] <= row[1] <= row[2] and row[3] <= row[4] <= row[2] for row in rows), (frame, rows)
        ago = trades[0]["timestamp"]
        assert all(trade["timestamp"] >= ago for trade in x.fetch_trades(S, since=ago, limit=5))
        eq(len(x.public_get_uiklines({"symbol": "BTCUSDT", "interval": "1h", "limit": 2})), 2)
        assert x.public_get_historicaltrades({"symbol": "BTCUSDT", "limit": 2})
    with step("tickers"):
        ticker = x.fetch_ticker(S)
        assert ticker["last"] > 0 and ticker["bid"] > 0 and ticker["baseVolume"] > 0
        assert S in x.fetch_tickers([S, "ETH/USDT"])
        assert S in x.fetch_bids_asks([S])
        assert S in x.fetch_last_prices([S])
        for window in ("1h", "1d"):
            eq(x.public_get_ticker({"symbol": "BTCUSDT", "windowSize": window})["symbol"], "BTCUSDT")
        eq(x.public_get_ticker_tradingday({"symbol": "BTCUSDT"})["symbol"], "BTCUSDT")
        assert float(x.public_get_avgprice({"symbol": "BTCUSDT"})["price"]) > 0
        some = x.public_get_exchangeinfo({"permissions": "SPOT", "symbolStatus": "TRADING"})["symbols"]
        assert "BTCUSDT" in [row["symbol"] for row in some]


def trading(x):
    last = x.fetch_ticker(S)["last"]
    low, high = float(x.price_to_precision(S, last * 0.9)), float(x.price_to_precision(S, last * 1.1))
    with step("balance"):
        balance = x.fetch_balance()
        assert balance["USDT"]["free"] > 0
        eq(balance["USDT"]["total"], balance["USDT"]["free"] + balance["USDT"]["used"])
    with step("limit order, query, cancel"):
        order = x.create_order(S, "limit", "buy", 0.01, low, {"clientOrderId": "cc-1"})
        eq((order["status"], order["amount"], order["price"], order["clientOrderId"]), ("open", 0.01, low, "cc-1"))
        eq(x.fetch_order(order["id"], S)["status"], "open")
        assert order["id"] in [o["id"] for o in x.fetch_open_orders(S)]
        eq(x.cancel_order(order["id"], S)["status"], "canceled")
    with step("market orders"):
        order = x.create_order(S, "market", "buy", 0.01)
        eq((order["status"], order["filled"]), ("closed", 0.01))
        assert order["average"] > 0 and order["fees"]
        order = x.create_market_buy_order_with_cost(S, 100)
        assert order["status"] == "closed" and order["cost"] <= 100
        order = x.create_order(S, "market", "sell", 0.01)
        trades = x.fetch_my_trades(S)
        eq(sum(D(str(t["amount"])) for t in trades if t["order"] == order["id"]), D("0.01"))
    with step("times in force and post-only"):
        eq(x.create_order(S, "limit", "buy", 0.01, low, {"timeInForce": "IOC"})["status"], "expired")
        eq(x.create_order(S, "limit", "buy", 0.01, high, {"timeInForce": "FOK"})["status"], "closed")
        order = x.create_order(S, "limit", "sell", 0.01, high, {"postOnly": True})
        x.cancel_order(order["id"], S)
        refused(ccxt.OrderImmediatelyFillable, x.create_order, S, "limit", "buy", 0.01, high, {"postOnly": True})
    with step("stops"):
        for params, price in [
            ({"stopLossPrice": low}, low), ({"takeProfitPrice": high}, high), ({"stopLossPrice": low}, None),
        ]:
            kind = "limit" if price else "market"
            order = x.create_order(S, kind, "sell", 0.01, price, params)
            assert order["id"]
        order = x.create_order(S, "market", "sell", 0.01, None, {"trailingPercent": 5, "stopLossOrTakeProfit": "stopLoss"})
        assert order["id"]
        assert len(x.fetch_open_orders(S)) >= 4
        x.cancel_all_orders(S)
        eq(x.fetch_open_orders(S), [])
    with step("edit an order"):
        order = x.create_order(S, "limit", "buy", 0.01, low)
        edited = x.edit_order(order["id"], S, "limit", "buy", 0.02, low)
        eq(edited["amount"], 0.02)
        x.cancel_order(edited["id"], S)
    with step("history and fees"):
        assert x.fetch_orders(S) and x.fetch_closed_orders(S) and x.fetch_canceled_orders(S)
        assert x.fetch_canceled_and_closed_orders(S)
        mine = x.fetch_my_trades(S)
        last = mine[-1]
        eq([t["id"] for t in x.fetch_order_trades(last["order"], S)][-1], last["id"])
        eq(x.fetch_my_trades(S, since=last["timestamp"])[-1]["id"], last["id"])
        eq([t["id"] for t in x.fetch_my_trades(S, None, 2, {"fromId": mine[1]["id"]})], [t["id"] for t in mine[1:3]])
        orders = x.fetch_orders(S)
        eq([o["id"] for o in x.fetch_orders(S, None, 2, {"orderId": orders[1]["id"]})], [o["id"] for o in orders[1:3]])
        eq(x.fetch_orders(S, since=orders[-1]["timestamp"])[-1]["id"], orders[-1]["id"])
        assert "standardCommission" in x.private_get_account_commission({"symbol": "BTCUSDT"})
        assert len(x.private_get_ratelimit_order()) >= 2
        eq(x.private_get_mypreventedmatches({"symbol": "BTCUSDT", "orderId": last["order"]}), [])
        eq(x.private_get_myallocations({"symbol": "BTCUSDT"}), [])
        held = x.private_get_account({"omitZeroBalances": "true"})["balances"]
        assert held and all(float(row["free"]) + float(row["locked"]) > 0 for row in held)
    with step("order lists"):
        pair = {
            "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER", "abovePrice": high,
            "belowType": "STOP_LOSS", "belowStopPrice": low,
        }
        oco = x.private_post_orderlist_oco(pair)
        eq([row["orderListId"] for row in x.private_get_openorderlist()], [oco["orderListId"]])
        eq(x.private_delete_orderlist({"symbol": "BTCUSDT", "orderListId": oco["orderListId"]})["listOrderStatus"], "ALL_DONE")
        opo = x.private_post_orderlist_opo({
            "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": low, "workingQuantity": "0.01",
            "workingTimeInForce": "GTC", "pendingType": "MARKET", "pendingSide": "SELL",
        })
        eq([row["status"] for row in opo["orderReports"]], ["NEW", "PENDING_NEW"])
        x.cancel_all_orders(S)
        eq(x.private_get_openorderlist(), [])
    with step("errors"):
        refused(ccxt.InsufficientFunds, x.create_order, S, "limit", "buy", 100, low)
        # What ccxt makes of the filters NOTIONAL and LOT_SIZE.
        refused(ccxt.BadRequest, x.create_order, S, "limit", "buy", 0.00001, low)
        refused(ccxt.InvalidOrder, x.create_order, S, "limit", "buy", 1_000_000, low)
        refused(ccxt.OrderNotFound, x.fetch_order, "999999999", S)
        refused(ccxt.OrderNotFound, x.cancel_order, "999999999", S)
        refused(ccxt.BadSymbol, x.fetch_ticker, "NOPE/USDT")
        other = point(ccxt.binance({**options({"api_key": x.apiKey, "secret_key": "wrong"})}), VENUE)
        refused(ccxt.AuthenticationError, other.fetch_balance)


async def live(at):
    x = point(ccxt.pro.binance(options(at)), at)
    try:
        await x.load_markets()
        last = (await x.fetch_ticker(S))["last"]
        low = float(x.price_to_precision(S, last * 0.9))

        async def soon(what):
            return await asyncio.wait_for(what, 20)

        with step("watched market data"):
            assert (await soon(x.watch_trades(S)))[0]["symbol"] == S
            book = await soon(x.watch_order_book(S))
            assert book["bids"][0][0] < book["asks"][0][0]
            assert (await soon(x.watch_ticker(S)))["last"] > 0
            assert (await soon(x.watch_ohlcv(S, "1m")))[0][4] > 0
            assert S in await soon(x.watch_bids_asks([S]))
        with step("watched orders, balance and trades"):
            watching = asyncio.ensure_future(x.watch_orders(S))
            balance = asyncio.ensure_future(x.watch_balance())
            trades = asyncio.ensure_future(x.watch_my_trades(S))
            # An order is placed again until the subscription hears of it.
            for _ in range(20):
                order = await x.create_order(S, "limit", "buy", 0.01, low)
                await x.create_order(S, "market", "buy", 0.01)
                await x.cancel_order(order["id"], S)
                _, waiting = await asyncio.wait([watching, balance, trades], timeout=0.5)
                if not waiting:
                    break
            assert (await soon(watching))[-1]["symbol"] == S
            assert (await soon(balance))["USDT"]["free"] > 0
            assert (await soon(trades))[-1]["symbol"] == S
        with step("orders over the WebSocket API"):
            order = await soon(x.create_order_ws(S, "limit", "buy", 0.01, low))
            eq(order["status"], "open")
            eq((await soon(x.fetch_order_ws(order["id"], S)))["id"], order["id"])
            assert await soon(x.fetch_open_orders_ws(S))
            await soon(x.cancel_order_ws(order["id"], S))
            # ccxt forgets the market type when it reads this answer: only the raw rows are there.
            rows = (await soon(x.fetch_balance_ws()))["info"]["balances"]
            assert any(row["asset"] == "USDT" and D(row["free"]) > 0 for row in rows)
            assert (await soon(x.fetch_trades_ws(S)))[0]["price"] > 0
            assert len(await soon(x.fetch_ohlcv_ws(S, "1m", limit=5))) == 5
    finally:
        await x.close()


with venue("--limit", "weight=60000,orders-10s=1000") as VENUE:
    exchange = point(ccxt.binance(options(VENUE)), VENUE)
    market(exchange)
    trading(exchange)
    asyncio.run(live(VENUE))
finish("ccxt")
