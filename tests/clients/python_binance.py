"""python-binance: REST, streams, the WebSocket API and user data, sync and async."""

import asyncio
from decimal import Decimal as D

from binance import AsyncClient, BinanceSocketManager, Client
from binance.exceptions import BinanceAPIException
from check import around, eq, finish, step, until, venue

S = "BTCUSDT"


def point(kind, at):
    """The base URLs are all that is changed."""
    kind.API_URL = at["rest"] + "/api"
    kind.WS_API_URL = at["ws_api"]
    BinanceSocketManager.STREAM_URL = at["stream"] + "/"


def refused(code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except BinanceAPIException as error:
        eq(error.code, code)
        return error
    raise AssertionError(f"not refused with {code}")


def market(c):
    with step("ping and time"):
        eq(c.ping(), {})
        assert c.get_server_time()["serverTime"] > 1_600_000_000_000
    with step("exchange info"):
        info = c.get_exchange_info()
        eq(info["timezone"], "UTC")
        assert {"BTCUSDT", "ETHUSDT"} <= {row["symbol"] for row in info["symbols"]}
        one = c.get_symbol_info(S)
        eq((one["status"], one["baseAsset"], one["quoteAsset"]), ("TRADING", "BTC", "USDT"))
        names = {row["filterType"] for row in one["filters"]}
        assert {"PRICE_FILTER", "LOT_SIZE", "NOTIONAL"} <= names, names
        eq(c.get_symbol_info("NOPE"), None)
    with step("depth"):
        book = c.get_order_book(symbol=S, limit=10)
        eq((len(book["bids"]), len(book["asks"])), (10, 10))
        assert D(book["bids"][0][0]) < D(book["asks"][0][0])
    with step("trades"):
        trades = until(lambda: c.get_recent_trades(symbol=S, limit=5))
        assert {"id", "price", "qty", "quoteQty", "time", "isBuyerMaker", "isBestMatch"} <= set(trades[0])
        old = c.get_historical_trades(symbol=S, limit=5)
        assert len(old) >= 1
        agg = c.get_aggregate_trades(symbol=S)
        assert {"a", "p", "q", "f", "l", "T", "m", "M"} <= set(agg[0])
    with step("klines"):
        rows = c.get_klines(symbol=S, interval=Client.KLINE_INTERVAL_1MINUTE, limit=20)
        eq((len(rows), len(rows[0])), (20, 12))
        history = c.get_historical_klines(S, Client.KLINE_INTERVAL_1MINUTE, "30 minutes ago UTC")
        assert 28 <= len(history) <= 31, len(history)
    with step("tickers"):
        eq(c.get_ticker(symbol=S)["symbol"], S)
        assert len(c.get_ticker()) >= 2
        assert D(c.get_avg_price(symbol=S)["price"]) > 0
        assert D(c.get_symbol_ticker(symbol=S)["price"]) > 0
        assert len(c.get_all_tickers()) >= 2
        assert D(c.get_orderbook_ticker(symbol=S)["bidPrice"]) > 0
        assert len(c.get_orderbook_tickers()) >= 2
        eq(c.get_symbol_ticker_window(symbol=S, windowSize="1h")["symbol"], S)


def trading(c):
    price = c.get_symbol_ticker(symbol=S)["price"]
    low, high = around(price, "0.9"), around(price, "1.1")
    with step("account"):
        account = c.get_account()
        free = {row["asset"]: D(row["free"]) for row in account["balances"]}
        assert free["USDT"] > 0 and account["canTrade"] is True
        eq(D(c.get_asset_balance(asset="BTC")["free"]), free["BTC"])
        eq(account["accountType"], "SPOT")
    with step("limit order, query, cancel"):
        order = c.order_limit_buy(symbol=S, quantity="0.01", price=low, newClientOrderId="pb-1")
        eq((order["status"], order["type"], order["timeInForce"]), ("NEW", "LIMIT", "GTC"))
        found = c.get_order(symbol=S, orderId=order["orderId"])
        eq((found["clientOrderId"], D(found["price"])), ("pb-1", D(low)))
        assert any(o["orderId"] == order["orderId"] for o in c.get_open_orders(symbol=S))
        gone = c.cancel_order(symbol=S, origClientOrderId="pb-1")
        eq((gone["status"], gone["origClientOrderId"]), ("CANCELED", "pb-1"))
    with step("market orders by quantity and by quote"):
        order = c.order_market_buy(symbol=S, quantity="0.01")
        eq((order["status"], D(order["executedQty"])), ("FILLED", D("0.01")))
        eq(sum(D(f["qty"]) for f in order["fills"]), D("0.01"))
        quote = c.order_market_buy(symbol=S, quoteOrderQty="100")
        assert quote["status"] == "FILLED" and D(quote["cummulativeQuoteQty"]) <= 100
        order = c.order_market_sell(symbol=S, quantity="0.01")
        eq(order["side"], "SELL")
        trades = c.get_my_trades(symbol=S, orderId=order["orderId"])
        eq(sum(D(t["qty"]) for t in trades), D("0.01"))
    with step("IOC and FOK"):
        order = c.create_order(symbol=S, side="BUY", type="LIMIT", timeInForce="IOC", quantity="0.01", price=low)
        eq(order["status"], "EXPIRED")
        order = c.create_order(symbol=S, side="BUY", type="LIMIT", timeInForce="FOK", quantity="0.01", price=high)
        eq(order["status"], "FILLED")
    with step("post-only"):
        order = c.create_order(symbol=S, side="SELL", type="LIMIT_MAKER", quantity="0.01", price=high)
        c.cancel_order(symbol=S, orderId=order["orderId"])
        refused(-2010, c.create_order, symbol=S, side="BUY", type="LIMIT_MAKER", quantity="0.01", price=high)
    with step("stop and take-profit"):
        for kind, side, stop in [
            ("STOP_LOSS_LIMIT", "SELL", low),
            ("TAKE_PROFIT_LIMIT", "SELL", high),
            ("STOP_LOSS_LIMIT", "BUY", high),
            ("TAKE_PROFIT_LIMIT", "BUY", low),
        ]:
            order = c.create_order(
                symbol=S, side=side, type=kind, timeInForce="GTC", quantity="0.01", price=stop, stopPrice=stop,
                newOrderRespType="RESULT",
            )
            eq((order["status"], order["type"]), ("NEW", kind))
        # A symbol takes five of them at once.
        eq(len(c.cancel_all_open_orders(symbol=S)), 4)
        for kind, stop in [("STOP_LOSS", low), ("TAKE_PROFIT", high)]:
            c.create_order(symbol=S, side="SELL", type=kind, quantity="0.01", stopPrice=stop)
        trail = c.create_order(
            symbol=S, side="SELL", type="STOP_LOSS_LIMIT", timeInForce="GTC", quantity="0.01", price=low, trailingDelta=500
        )
        assert trail["orderId"] > 0
        refused(-2010, c.create_order, symbol=S, side="SELL", type="STOP_LOSS", quantity="0.01", stopPrice=high)
        eq(len(c.cancel_all_open_orders(symbol=S)), 3)
    with step("iceberg"):
        order = c.order_limit_sell(symbol=S, quantity="0.1", price=high, icebergQty="0.01", newOrderRespType="FULL")
        eq(D(c.get_order(symbol=S, orderId=order["orderId"])["icebergQty"]), D("0.01"))
        c.cancel_order(symbol=S, orderId=order["orderId"])
    with step("OCO"):
        oco = c.create_oco_order(
            symbol=S, side="SELL", quantity="0.01", aboveType="LIMIT_MAKER", abovePrice=high,
            belowType="STOP_LOSS_LIMIT", belowPrice=low, belowStopPrice=low, belowTimeInForce="GTC",
        )
        eq((oco["contingencyType"], len(oco["orders"])), ("OCO", 2))
        assert any(o["orderListId"] == oco["orderListId"] for o in c.get_open_oco_orders())
        c.cancel_order(symbol=S, orderId=oco["orders"][0]["orderId"])
        eq(c.get_open_orders(symbol=S), [])
    with step("cancel and replace"):
        order = c.order_limit_buy(symbol=S, quantity="0.01", price=low)
        new = c.cancel_replace_order(
            symbol=S, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.02", price=low,
            cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=order["orderId"],
        )
        eq((new["cancelResult"], new["newOrderResult"]), ("SUCCESS", "SUCCESS"))
        c.cancel_order(symbol=S, orderId=new["newOrderResponse"]["orderId"])
    with step("test order, history, counts"):
        eq(c.create_test_order(symbol=S, side="BUY", type="MARKET", quantity="0.01"), {})
        assert len(c.get_all_orders(symbol=S, limit=10)) == 10
        assert len(c.get_current_order_count()) >= 2
    with step("errors"):
        refused(-1121, c.get_order_book, symbol="NOPE")
        refused(-1013, c.order_limit_buy, symbol=S, quantity="0.000001", price=low)
        refused(-1013, c.order_limit_buy, symbol=S, quantity="0.01", price="0.001")
        refused(-2010, c.order_limit_buy, symbol=S, quantity="100", price=low)
        refused(-2013, c.get_order, symbol=S, orderId=999999999)
        refused(-2011, c.cancel_order, symbol=S, orderId=999999999)
        refused(-1102, c.create_order, symbol=S, side="BUY", type="LIMIT", quantity="0.01", price=low)
        refused(-1120, c.get_klines, symbol=S, interval="7m")
        wrong = Client(c.API_KEY, "wrong")
        refused(-1022, wrong.get_account)
        stranger = Client("A" * 64, "wrong")
        eq(refused(-2015, stranger.get_account).status_code, 401)


async def live(at):
    c = await AsyncClient.create(at["api_key"], at["secret_key"])
    try:
        manager = BinanceSocketManager(c)
        price = (await c.get_symbol_ticker(symbol=S))["price"]
        low = around(price, "0.9")

        async def first(socket, accept=lambda message: True):
            async with socket as stream:
                for _ in range(200):
                    message = await asyncio.wait_for(stream.recv(), 15)
                    if accept(message):
                        return message
            raise AssertionError("not among the first 200 messages")

        with step("market streams"):
            trade = await first(manager.trade_socket(S))
            eq((trade["e"], trade["s"]), ("trade", S))
            agg = await first(manager.aggtrade_socket(S))
            eq(agg["e"], "aggTrade")
            kline = await first(manager.kline_socket(S, interval="1s"))
            eq((kline["e"], kline["k"]["i"]), ("kline", "1s"))
            ticker = await first(manager.symbol_ticker_socket(S))
            eq(ticker["e"], "24hrTicker")
            mini = await first(manager.symbol_miniticker_socket(S))
            eq(mini["e"], "24hrMiniTicker")
            book = await first(manager.symbol_book_ticker_socket(S))
            assert D(book["b"]) < D(book["a"])
            depth = await first(manager.depth_socket(S, interval=100))
            eq(depth["e"], "depthUpdate")
            part = await first(manager.depth_socket(S, depth="5"))
            eq((len(part["bids"]), len(part["asks"])), (5, 5))
            both = await first(manager.multiplex_socket(["btcusdt@trade", "ethusdt@bookTicker"]))
            assert both["stream"] in ("btcusdt@trade", "ethusdt@bookTicker") and "data" in both
            # By its documented name: `miniticker_socket` adds an undocumented `@1000ms`.
            every = (await first(manager.multiplex_socket(["!miniTicker@arr"])))["data"]
            assert isinstance(every, list) and every[0]["e"] == "24hrMiniTicker"
        with step("user data and orders over the WebSocket API"):
            async with manager.user_socket() as user:
                order = await c.ws_create_order(
                    symbol=S, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price=low
                )
                seen = []
                while not any(e.get("x") == "NEW" and e["i"] == order["orderId"] for e in seen):
                    message = await asyncio.wait_for(user.recv(), 15)
                    seen.append(message.get("event", message))
                gone = await c.ws_cancel_order(symbol=S, orderId=order["orderId"])
                eq(gone["status"], "CANCELED")
                while not any(e.get("x") == "CANCELED" for e in seen):
                    message = await asyncio.wait_for(user.recv(), 15)
                    seen.append(message.get("event", message))
                assert any(e["e"] == "outboundAccountPosition" for e in seen)
        with step("the WebSocket API's other calls"):
            eq(await c.ws_ping(), {})
            assert (await c.ws_get_time())["serverTime"] > 0
            assert len((await c.ws_get_order_book(symbol=S, limit=5))["bids"]) == 5
            assert (await c.ws_get_exchange_info(symbol=S))["symbols"][0]["symbol"] == S
            assert len(await c.ws_get_klines(symbol=S, interval="1m", limit=3)) == 3
            assert "price" in await c.ws_get_symbol_ticker(symbol=S)
            assert "bidPrice" in await c.ws_get_orderbook_ticker(symbol=S)
            assert "price" in await c.ws_get_avg_price(symbol=S)
            assert len(await c.ws_get_recent_trades(symbol=S, limit=2)) == 2
            assert (await c.ws_get_account())["accountType"] == "SPOT"
            eq(await c.ws_get_open_orders(symbol=S), [])
            market = await c.ws_order_market_buy(symbol=S, quantity="0.01")
            eq(market["status"], "FILLED")
            assert len(await c.ws_get_my_trades(symbol=S)) >= 1
        with step("a refusal over the WebSocket API"):
            try:
                await c.ws_create_order(symbol=S, side="BUY", type="LIMIT", timeInForce="GTC", quantity="100", price=low)
                raise AssertionError("not refused")
            except BinanceAPIException as error:
                eq(error.code, -2010)
    finally:
        await c.close_connection()


with venue("--limit", "weight=60000,orders-10s=1000") as at:
    point(Client, at)
    point(AsyncClient, at)
    client = Client(at["api_key"], at["secret_key"])
    market(client)
    trading(client)
    asyncio.run(live(at))
finish("python-binance")
