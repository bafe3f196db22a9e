"""binance-connector, the official Python one: REST, streams, WebSocket API, listen keys."""

import json
from decimal import Decimal as D

from binance.error import ClientError
from binance.spot import Spot
from binance.websocket.spot.websocket_api import SpotWebsocketAPIClient
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient
from check import around, eq, finish, some, step, until, venue

S = "BTCUSDT"


def refused(code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ClientError as error:
        eq(error.error_code, code)
        return error
    raise AssertionError(f"not refused with {code}")


def market(c):
    with step("general"):
        eq(c.ping(), {})
        assert c.time()["serverTime"] > 1_600_000_000_000
        info = c.exchange_info(symbols=[S, "ETHUSDT"])
        eq(sorted(row["symbol"] for row in info["symbols"]), [S, "ETHUSDT"])
        eq(c.exchange_info(symbol=S)["symbols"][0]["symbol"], S)
        assert c.exchange_info(permissions=["SPOT"])["symbols"]
        eq(c.exchange_info(permissions=["LEVERAGED"])["symbols"], [])
    with step("market data"):
        eq(len(c.depth(S, limit=5)["bids"]), 5)
        assert until(lambda: c.trades(S, limit=3))
        assert c.historical_trades(S, limit=3)
        assert c.agg_trades(S, limit=3)
        eq(len(c.klines(S, "1m", limit=4)), 4)
        eq(len(c.ui_klines(S, "1h", limit=2)), 2)
        for interval in ("1s", "3m", "30m", "2h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"):
            eq(len(c.klines(S, interval, limit=1)[0]), 12)
        rows = c.klines(S, "1m", limit=4)
        eq([row[0] for row in c.klines(S, "1m", startTime=rows[1][0], endTime=rows[2][0])], [rows[1][0], rows[2][0]])
        agg = some(lambda: c.agg_trades(S, limit=4), 4)
        eq([row["a"] for row in c.agg_trades(S, fromId=agg[1]["a"], limit=2)], [agg[1]["a"], agg[2]["a"]])
        assert {row["a"] for row in agg} <= {row["a"] for row in c.agg_trades(S, startTime=agg[0]["T"], endTime=agg[-1]["T"])}
        old = c.historical_trades(S, limit=2, fromId=1)
        eq(old[1]["id"], old[0]["id"] + 1)
        assert D(c.avg_price(S)["price"]) > 0
    with step("what programs ask of the wallet"):
        eq(c.system_status()["msg"], "normal")
    with step("tickers"):
        eq(c.ticker_24hr(S)["symbol"], S)
        eq(len(c.ticker_24hr(symbols=[S, "ETHUSDT"], type="MINI")), 2)
        eq(c.trading_day_ticker(S)["symbol"], S)
        eq(c.ticker_price(S)["symbol"], S)
        eq(c.book_ticker(S)["symbol"], S)
        for window in ("1m", "1h", "23h", "1d", "7d"):
            eq(c.rolling_window_ticker(S, windowSize=window)["symbol"], S)
        eq(len(c.rolling_window_ticker(symbols=[S, "ETHUSDT"], type="MINI")), 2)
        refused(-1130, c.rolling_window_ticker, S, windowSize="8d1h")


def trading(c):
    price = c.ticker_price(S)["price"]
    low, high = around(price, "0.9"), around(price, "1.1")
    limit = {"timeInForce": "GTC", "quantity": "0.01"}
    with step("orders"):
        eq(c.new_order_test(S, "BUY", "LIMIT", price=low, **limit), {})
        order = c.new_order(S, "BUY", "LIMIT", price=low, newClientOrderId="bc-1", **limit)
        eq(c.get_order(S, orderId=order["orderId"])["status"], "NEW")
        eq(len(c.get_open_orders(S)), 1)
        eq(c.cancel_order(S, orderId=order["orderId"])["status"], "CANCELED")
        eq(c.new_order(S, "BUY", "MARKET", quantity="0.01")["status"], "FILLED")
        eq(c.new_order(S, "SELL", "MARKET", quoteOrderQty="50")["status"], "FILLED")
        for kind, stop in [("STOP_LOSS", low), ("TAKE_PROFIT", high)]:
            assert c.new_order(S, "SELL", kind, quantity="0.01", stopPrice=stop)["orderId"] > 0
        for kind, stop in [("STOP_LOSS_LIMIT", low), ("TAKE_PROFIT_LIMIT", high)]:
            assert c.new_order(S, "SELL", kind, price=stop, stopPrice=stop, **limit)["orderId"] > 0
        assert c.new_order(S, "SELL", "LIMIT_MAKER", quantity="0.01", price=high)["orderId"] > 0
        assert len(c.cancel_open_orders(S)) == 5
    with step("cancel and replace"):
        order = c.new_order(S, "BUY", "LIMIT", price=low, **limit)
        new = c.cancel_and_replace(
            S, "BUY", "LIMIT", "STOP_ON_FAILURE", cancelOrderId=order["orderId"], timeInForce="GTC", quantity="0.02", price=low
        )
        eq(new["newOrderResult"], "SUCCESS")
        c.cancel_open_orders(S)
    with step("order lists"):
        oco = c.new_oco_order(
            S, "SELL", "0.01", "LIMIT_MAKER", "STOP_LOSS_LIMIT", abovePrice=high, belowStopPrice=low, belowPrice=low, belowTimeInForce="GTC"
        )
        eq(len(oco["orders"]), 2)
        eq(len(c.get_oco_open_orders()), 1)
        eq(c.get_oco_order(orderListId=oco["orderListId"])["orderListId"], oco["orderListId"])
        eq(c.cancel_oco_order(S, orderListId=oco["orderListId"])["listOrderStatus"], "ALL_DONE")
        oto = c.new_oto_order(
            S, "LIMIT", "BUY", low, "0.01", "LIMIT_MAKER", "SELL", "0.01", workingTimeInForce="GTC", pendingPrice=high
        )
        eq(oto["contingencyType"], "OTO")
        c.cancel_oco_order(S, orderListId=oto["orderListId"])
        otoco = c.new_otoco_order(
            S, "LIMIT", "BUY", low, "0.01", "SELL", "0.01", "LIMIT_MAKER", workingTimeInForce="GTC", pendingAbovePrice=high,
            pendingBelowType="STOP_LOSS", pendingBelowStopPrice=around(price, "0.8"),
        )
        eq(len(otoco["orders"]), 3)
        c.cancel_oco_order(S, orderListId=otoco["orderListId"])
        assert len(c.get_oco_orders()) >= 3
    with step("account"):
        assert any(row["asset"] == "USDT" for row in c.account(omitZeroBalances="true")["balances"])
        eq(c.trade_fee(symbol=S), [{"symbol": S, "makerCommission": "0.001", "takerCommission": "0.001"}])
        for _ in range(2):
            c.new_order(S, "BUY", "MARKET", quantity="0.001")
        trades = c.my_trades(S)
        eq([row["id"] for row in c.my_trades(S, fromId=trades[1]["id"], limit=1)], [trades[1]["id"]])
        eq(c.my_trades(S, orderId=trades[-1]["orderId"])[-1]["id"], trades[-1]["id"])
        eq(c.my_trades(S, startTime=trades[-1]["time"])[-1]["id"], trades[-1]["id"])
        orders = c.get_orders(S)
        eq([row["orderId"] for row in c.get_orders(S, orderId=orders[1]["orderId"], limit=2)], [row["orderId"] for row in orders[1:3]])
        assert len(c.get_order_rate_limit()) >= 2
        assert "standardCommission" in c.query_commission_rates(S)
        eq(c.query_prevented_matches(S, orderId=1), [])
        eq(c.query_allocations(S), [])
    with step("errors"):
        refused(-1121, c.depth, "NOPE")
        refused(-2011, c.cancel_order, S, orderId=99999999)
        refused(-2010, c.new_order, S, "BUY", "LIMIT", price=low, timeInForce="GTC", quantity="100")
        refused(-1013, c.new_order, S, "BUY", "LIMIT", price="0.123", **limit)
        eq(refused(-2015, Spot("B" * 64, "x", base_url=c.base_url).account).status_code, 401)
        refused(-1022, Spot(c.api_key, "x", base_url=c.base_url).account)


def streams(c, at):
    heard = []
    with step("streams"):
        client = SpotWebsocketStreamClient(
            stream_url=at["stream"], on_message=lambda _, text: heard.append(json.loads(text)), is_combined=True
        )
        client.subscribe(["btcusdt@trade", "btcusdt@aggTrade", "btcusdt@bookTicker", "btcusdt@depth5@100ms"])
        client.subscribe(["btcusdt@depth@100ms", "btcusdt@kline_1s", "btcusdt@miniTicker", "btcusdt@ticker", "btcusdt@ticker_1h"])
        wanted = {
            "btcusdt@trade", "btcusdt@aggTrade", "btcusdt@bookTicker", "btcusdt@depth5@100ms", "btcusdt@depth@100ms",
            "btcusdt@kline_1s", "btcusdt@miniTicker", "btcusdt@ticker", "btcusdt@ticker_1h",
        }
        try:
            until(lambda: wanted <= {m.get("stream") for m in list(heard)}, 20)
        except AssertionError:
            raise AssertionError(f"silent: {wanted - {m.get('stream') for m in heard}}") from None
        finally:
            client.stop()
    with step("user data by listen key"):
        key = c.new_listen_key()["listenKey"]
        eq(c.renew_listen_key(key), {})
        events = []
        client = SpotWebsocketStreamClient(stream_url=at["stream"], on_message=lambda _, text: events.append(json.loads(text)))
        client.user_data(listen_key=key)
        until(lambda: any("result" in e for e in list(events)))
        c.new_order(S, "BUY", "MARKET", quantity="0.01")
        until(lambda: {"executionReport", "outboundAccountPosition"} <= {e.get("e") for e in list(events)})
        client.stop()
        eq(c.close_listen_key(key), {})


def ws_api(at):
    answers = {}
    client = SpotWebsocketAPIClient(
        stream_url=at["ws_api"], api_key=at["api_key"], api_secret=at["secret_key"],
        on_message=lambda _, text: (lambda m: answers.__setitem__(m["id"], m))(json.loads(text)),
    )

    def ask(name, call, *args, **kwargs):
        call(*args, id=name, **kwargs)
        answer = until(lambda: answers.get(name))
        assert answer["status"] == 200, f"{name}: {answer}"
        return answer["result"]

    with step("WebSocket API: market data"):
        eq(ask("ping", client.ping_connectivity), {})
        assert ask("time", client.server_time)["serverTime"] > 0
        # With an id this call takes no symbol: the client counts the id as one of its parameters.
        assert S in [row["symbol"] for row in ask("info", client.exchange_info)["symbols"]]
        eq(len(ask("depth", client.order_book, symbol=S, limit=5)["asks"]), 5)
        eq(len(ask("klines", client.klines, symbol=S, interval="1m", limit=2)), 2)
        price = ask("price", client.ticker_price, symbol=S)["price"]
        assert D(ask("book", client.ticker_book, symbol=S)["askPrice"]) > 0
        eq(ask("day", client.ticker_24hr, symbol=S)["symbol"], S)
        assert ask("trades", client.recent_trades, symbol=S, limit=1)
    with step("WebSocket API: orders"):
        low, high = around(price, "0.9"), around(price, "1.1")
        order = ask("new", client.new_order, symbol=S, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price=low)
        eq(ask("status", client.get_order, symbol=S, orderId=order["orderId"])["status"], "NEW")
        assert ask("open", client.get_open_orders, symbol=S)
        eq(ask("cancel", client.cancel_order, symbol=S, orderId=order["orderId"])["status"], "CANCELED")
        oco = ask(
            "oco", client.new_oco_order, symbol=S, side="SELL", quantity="0.01", aboveType="LIMIT_MAKER", abovePrice=high,
            belowType="STOP_LOSS", belowStopPrice=low,
        )
        ask("oco-cancel", client.cancel_oco_order, symbol=S, orderListId=oco["orderListId"])
        assert ask("account", client.account)["balances"]
        assert ask("mine", client.my_trades, symbol=S)
        assert ask("history", client.order_history, symbol=S)
    client.stop()


with venue("--limit", "weight=60000,orders-10s=1000", "--listen-keys") as at:
    spot = Spot(at["api_key"], at["secret_key"], base_url=at["rest"])
    market(spot)
    trading(spot)
    streams(spot, at)
    ws_api(at)
finish("binance-connector")
