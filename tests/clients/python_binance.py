"""python-binance: REST, streams, the WebSocket API and user data, sync and async."""

import asyncio
from decimal import Decimal as D

from binance import AsyncClient, BinanceSocketManager, Client
from binance.exceptions import BinanceAPIException
from check import around, eq, finish, some, step, until, venue

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
        for window in ("1m", "15m", "1h", "12h", "1d", "7d"):
            row = c.get_symbol_ticker_window(symbol=S, windowSize=window)
            assert row["symbol"] == S and row["closeTime"] > row["openTime"], row
        eq(c.v3_get_ticker_trading_day(symbol=S)["symbol"], S)
    with step("klines of every interval, by time"):
        minute = 60_000
        for interval, length in [
            ("1s", 1_000), ("1m", minute), ("3m", 3 * minute), ("15m", 15 * minute), ("1h", 60 * minute), ("4h", 240 * minute),
            ("1d", 1_440 * minute),
        ]:
            rows = c.get_klines(symbol=S, interval=interval, limit=1000)
            eq(len(rows), 1000)
            assert all(row[0] % length == 0 and row[6] == row[0] + length - 1 for row in rows), (interval, rows)
            assert all(b[0] - a[0] == length for a, b in zip(rows, rows[1:])), (interval, rows)
            part = c.get_klines(symbol=S, interval=interval, startTime=rows[-5][0], endTime=rows[-2][0])
            eq([row[0] for row in part], [row[0] for row in rows[-5:-1]])
        for interval in ("1w", "1M"):
            assert c.get_klines(symbol=S, interval=interval, limit=1)[0][0] % 86_400_000 == 0
        eq(len(c.get_ui_klines(symbol=S, interval="1h", limit=3)[0]), 12)
    with step("trades by id and time"):
        newest = c.get_recent_trades(symbol=S, limit=1)[0]["id"]
        old = c.get_historical_trades(symbol=S, fromId=newest - 1, limit=2)
        eq([row["id"] for row in old], [newest - 1, newest])
        agg = some(lambda: c.get_aggregate_trades(symbol=S, limit=5), 5)
        eq([row["a"] for row in c.get_aggregate_trades(symbol=S, fromId=agg[1]["a"], limit=3)], [row["a"] for row in agg[1:4]])
        within = c.get_aggregate_trades(symbol=S, startTime=agg[0]["T"], endTime=agg[-1]["T"])
        assert {row["a"] for row in agg} <= {row["a"] for row in within}
        eq(next(c.aggregate_trade_iter(S, last_id=agg[0]["a"]))["a"], agg[0]["a"] + 1)


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
    with step("lists of working and pending orders"):
        working = {
            "symbol": S, "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": low, "workingQuantity": "0.01",
            "workingTimeInForce": "GTC", "pendingSide": "SELL", "pendingQuantity": "0.01",
        }
        oto = c.v3_post_order_list_oto(**working, pendingType="LIMIT_MAKER", pendingPrice=high)
        eq([r["status"] for r in oto["orderReports"]], ["NEW", "PENDING_NEW"])
        otoco = c.v3_post_order_list_otoco(
            **working, pendingAboveType="LIMIT_MAKER", pendingAbovePrice=high, pendingBelowType="STOP_LOSS",
            pendingBelowStopPrice=around(price, "0.8"),
        )
        eq(len(otoco["orders"]), 3)
        eq(c.v3_get_order_list(orderListId=oto["orderListId"])["listOrderStatus"], "EXECUTING")
        eq(c.v3_delete_order_list(symbol=S, orderListId=oto["orderListId"])["listOrderStatus"], "ALL_DONE")
        eq([row["contingencyType"] for row in c.cancel_all_open_orders(symbol=S)], ["OTO"])
        lists = c.v3_get_all_order_list()
        eq({row["listOrderStatus"] for row in lists}, {"ALL_DONE"})
        eq([row["orderListId"] for row in c.v3_get_all_order_list(fromId=lists[1]["orderListId"], limit=1)], [lists[1]["orderListId"]])
    with step("own trades and orders, page by page"):
        for _ in range(3):
            c.order_market_buy(symbol=S, quantity="0.001")
        trades = c.get_my_trades(symbol=S)
        first = trades[0]
        eq([t["id"] for t in c.get_my_trades(symbol=S, fromId=trades[1]["id"], limit=2)], [t["id"] for t in trades[1:3]])
        eq(c.get_my_trades(symbol=S, startTime=first["time"], endTime=trades[-1]["time"])[0]["id"], first["id"])
        eq(c.get_my_trades(symbol=S, fromId=trades[-1]["id"] + 1), [])
        assert D(first["commission"]) > 0 and first["commissionAsset"], first
        orders = c.get_all_orders(symbol=S)
        eq([o["orderId"] for o in c.get_all_orders(symbol=S, orderId=orders[2]["orderId"], limit=3)], [o["orderId"] for o in orders[2:5]])
        eq(c.get_all_orders(symbol=S, startTime=orders[-1]["time"])[-1]["orderId"], orders[-1]["orderId"])
    with step("the account's other answers"):
        held = c.get_account(omitZeroBalances="true")["balances"]
        assert held and all(D(row["free"]) + D(row["locked"]) > 0 for row in held), held
        rates = c.v3_get_account_commission(symbol=S)
        assert {"standardCommission", "taxCommission", "discount"} <= set(rates), rates
        eq(c.get_allocations(symbol=S), [])
        refused(-1013, c.v3_post_sor_order, symbol=S, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price=low)
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
            assert len(await c.ws_get_historical_trades(symbol=S, limit=2)) == 2
            assert len(await c.ws_get_aggregate_trades(symbol=S, limit=2)) == 2
            assert len(await c.ws_get_uiKlines(symbol=S, interval="1h", limit=2)) == 2
            eq((await c.ws_get_ticker(symbol=S))["symbol"], S)
            eq((await c.ws_get_trading_day_ticker(symbol=S))["symbol"], S)
            eq((await c.ws_get_symbol_ticker_window(symbol=S, windowSize="4h"))["symbol"], S)
            assert "standardCommission" in await c.ws_get_commission_rates(symbol=S)
            assert len(await c.ws_get_account_rate_limits_orders()) >= 2
            assert len(await c.ws_get_all_orders(symbol=S, limit=5)) == 5
            eq(await c.ws_get_prevented_matches(symbol=S, orderId=market["orderId"]), [])
            eq(await c.ws_get_allocations(symbol=S), [])
        with step("lists and replacements over the WebSocket API"):
            limit = {"symbol": S, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": low}
            eq(await c.ws_create_test_order(**limit), {})
            order = await c.ws_create_order(**limit)
            new = await c.ws_cancel_and_replace_order(**limit, cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=order["orderId"])
            eq((new["cancelResult"], new["newOrderResult"]), ("SUCCESS", "SUCCESS"))
            oco = await c.ws_create_oco_order(
                symbol=S, side="SELL", quantity="0.01", aboveType="LIMIT_MAKER", abovePrice=around(price, "1.1"),
                belowType="STOP_LOSS", belowStopPrice=low,
            )
            eq((await c.ws_get_oco_order(orderListId=oco["orderListId"]))["contingencyType"], "OCO")
            eq(len(await c.ws_get_oco_open_orders()), 1)
            oto = await c.ws_create_oto_order(
                symbol=S, workingType="LIMIT", workingSide="BUY", workingPrice=low, workingQuantity="0.01", workingTimeInForce="GTC",
                pendingType="MARKET", pendingSide="SELL", pendingQuantity="0.01",
            )
            eq((await c.ws_cancel_oco_order(symbol=S, orderListId=oto["orderListId"]))["listOrderStatus"], "ALL_DONE")
            eq(len(await c.ws_cancel_all_open_orders(symbol=S)), 2)
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

# Time stands still here, and with it the market: an account can be made to meet itself.
with venue("--speed", "0", "--limit", "weight=60000,orders-10s=1000") as at:
    point(Client, at)
    still = Client(at["api_key"], at["secret_key"])
    with step("self-trade prevention"):
        price, displayed = still.get_order_book(symbol=S, limit=5)["asks"][0]
        maker = still.order_limit_sell(symbol=S, quantity="0.01", price=price)
        more = str(D(displayed) + D("0.01"))
        taker = still.order_limit_buy(symbol=S, quantity=more, price=price, selfTradePreventionMode="EXPIRE_MAKER")
        eq(sum(D(fill["qty"]) for fill in taker["fills"]), D(displayed))
        matched = still.get_prevented_matches(symbol=S, orderId=maker["orderId"])
        eq([(row["makerOrderId"], row["takerOrderId"]) for row in matched], [(maker["orderId"], taker["orderId"])])
        eq(still.get_order(symbol=S, orderId=maker["orderId"])["status"], "EXPIRED_IN_MATCH")
finish("python-binance")
