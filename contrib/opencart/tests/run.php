<?php
// Tests of the shared classes: no shop, no composer, no database. Run: php tests/run.php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

use OmsConnect\AdminDir;
use OmsConnect\Api;
use OmsConnect\ApiError;
use OmsConnect\Batch;
use OmsConnect\Cursor;
use OmsConnect\Db;
use OmsConnect\Decimal;
use OmsConnect\Edits;
use OmsConnect\Events;
use OmsConnect\Files;
use OmsConnect\Guard;
use OmsConnect\GuardStore;
use OmsConnect\Input;
use OmsConnect\Kind;
use OmsConnect\OrderRows;
use OmsConnect\Platform;
use OmsConnect\Query;
use OmsConnect\Request;
use OmsConnect\Schema;
use OmsConnect\Settings;
use OmsConnect\Signing;
use OmsConnect\Specials;
use OmsConnect\Text;
use OmsConnect\Times;
use OmsConnect\Webhooks;

error_reporting(E_ALL);
set_error_handler(function (int $level, string $message, string $file, int $line) {
	throw new ErrorException($message, 0, $level, $file, $line);
});
require __DIR__ . '/../src/shared/bootstrap.php';

$tests = [];

function test(string $name, callable $body) {
	$GLOBALS['tests'][$name] = $body;
}

function same($expected, $actual, string $what = '') {
	if ($expected !== $actual) {
		throw new Exception(($what ? $what . ': ' : '') . 'expected ' . var_export($expected, true) . ', got ' . var_export($actual, true));
	}
}

/** The error that the work ends with: [status, code, field]. */
function refused(callable $work): array {
	try {
		$work();
	} catch (ApiError $error) {
		return [$error->status(), $error->name(), $error->extra()['field'] ?? null];
	}

	throw new Exception('nothing was refused');
}

final class MemoryStore implements GuardStore {
	public $hits = [];
	public $nonces = [];

	public function hit(string $bucket, int $now): int {
		$key = $bucket . '@' . intdiv($now, 60);

		return $this->hits[$key] = ($this->hits[$key] ?? 0) + 1;
	}

	public function hits(string $bucket, int $now): int {
		return $this->hits[$bucket . '@' . intdiv($now, 60)] ?? 0;
	}

	public function useNonce(string $nonce, int $now): bool {
		if (isset($this->nonces[$nonce]) && $this->nonces[$nonce] > $now - Guard::NONCE_SECONDS) {
			return false;
		}

		$this->nonces[$nonce] = $now;

		return true;
	}
}

final class FakeDb {
	public $sql = [];

	public function query($sql) {
		$this->sql[] = $sql;

		return (object)['rows' => [], 'row' => [], 'num_rows' => 0];
	}

	public function escape($text) {
		return addslashes($text);
	}

	public function getLastId() {
		return 1;
	}

	public function countAffected() {
		return 1;
	}
}

/** A shop whose order has the statuses that OpenCart gives it, one after the other; it notes what is written. */
final class EditedShop extends Platform {
	public $written = [];
	public $status = 2;
	private $fake;

	public function __construct() {
		$this->fake = new class($this) {
			private $shop;

			public function __construct($shop) {
				$this->shop = $shop;
			}

			public function query($sql) {
				$row = [];

				if (strpos($sql, 'SELECT order_status_id') === 0) {
					$row = ['order_status_id' => (string)$this->shop->status];
				} elseif (strpos($sql, 'FROM `oc_oms_setting`') !== false) {
					return (object)['rows' => [['name' => 'enabled', 'value' => '0'], ['name' => 'schema', 'value' => Schema::NUMBER]], 'row' => [], 'num_rows' => 2];
				} elseif (preg_match('/^(INSERT INTO|DELETE FROM) `oc_(oms_order_\w+)`/', $sql, $match)) {
					$this->shop->written[] = $match[1] . ' ' . $match[2];
				}

				return (object)['rows' => $row ? [$row] : [], 'row' => $row, 'num_rows' => $row ? 1 : 0];
			}

			public function escape($text) {
				return addslashes($text);
			}

			public function getLastId() {
				return 1;
			}

			public function countAffected() {
				return 1;
			}
		};
		parent::__construct(new Db($this->fake, 'oc_'));
	}

	public function version(): string {
		return '4.1.0.4';
	}

	public function config(string $key) {
		return null;
	}

	public function url(): string {
		return 'https://shop.example/';
	}

	public function log(string $text) {
	}

	public function clearProductCache() {
	}

	public function addHistory(int $orderId, int $statusId, string $comment, bool $notify) {
	}

	public function productModel() {
	}
}

const KEY = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff';
const NOW = 1763726400;

function signed(string $method = 'GET', string $body = '', int $at = NOW, string $key = KEY, string $nonce = '000102030405060708090a0b0c0d0e0f', string $ip = '203.0.113.7'): Request {
	$params = ['route' => 'extension/oms_connect/v1', 'call' => 'ping'];

	return new Request($method, $params, ['x-oms-timestamp' => (string)$at, 'x-oms-nonce' => $nonce, 'x-oms-signature' => Signing::sign($key, (string)$at, $nonce, $method, $params, $body)], $body, $ip);
}

function guard(array $settings = [], $store = null): Guard {
	return new Guard(new Settings(null, $settings + ['enabled' => '1', 'secret_key' => KEY]), $store ?: new MemoryStore());
}

// --- signing -----------------------------------------------------------------------------------------------

$vectors = json_decode(file_get_contents(__DIR__ . '/vectors.json'), true);

foreach ($vectors['requests'] as $vector) {
	test('vector: ' . $vector['name'], function () use ($vector) {
		same($vector['canonical_query'], Signing::canonicalQuery($vector['params']));
		same($vector['signature'], Signing::sign($vector['key'], $vector['timestamp'], $vector['nonce'], $vector['method'], $vector['params'], $vector['body']));
		same($vector['params'] == Request::parseQuery($vector['canonical_query']), true, 'reading the query back');
	});
}

foreach ($vectors['webhooks'] as $vector) {
	test('webhook vector: ' . $vector['name'], function () use ($vector) {
		same($vector['signature'], Signing::webhook($vector['secret'], $vector['body']));
	});
}

test('webhook body has exactly the fields of the contract', function () {
	same('{"id":"ab","event":"order.created","order_id":7,"from":0,"to":1,"at":"2025-11-21T12:00:00Z"}', Webhooks::body('ab', 'order.created', 7, 0, 1, NOW));
});

test('a query with plus signs reads as PHP reads it', function () {
	same(['sku' => 'a b'], Request::parseQuery('sku=a+b'));
});

test('arrays, doubled and odd names are refused', function () {
	same([400, 'bad_param', 'a[]'], refused(function () { Request::parseQuery('a[]=1'); }));
	same([400, 'bad_param', 'a'], refused(function () { Request::parseQuery('a=1&a=1'); }));
	same([400, 'bad_param', 'a.b'], refused(function () { Request::parseQuery('a.b=1'); }));
});

// --- guard -------------------------------------------------------------------------------------------------

test('a right request gets in', function () {
	$store = new MemoryStore();
	guard([], $store)->check(signed(), NOW);
	same(1, $store->hits('all', NOW));
	same([], $store->nonces, 'reads do not use up nonces');
});

test('a wrong key is bad_signature, even with a wrong clock', function () {
	$wrong = str_repeat('0', 64);
	same([401, 'bad_signature', null], refused(function () use ($wrong) { guard()->check(signed('GET', '', NOW, $wrong), NOW); }));
	same([401, 'bad_signature', null], refused(function () use ($wrong) { guard()->check(signed('GET', '', NOW - 9999, $wrong), NOW); }));
});

test('an empty key signs nothing', function () {
	same([401, 'bad_signature', null], refused(function () { guard(['secret_key' => ''])->check(signed('GET', '', NOW, ''), NOW); }));
});

test('a changed body, method or parameter breaks the signature', function () {
	$request = signed('POST', '{"a":1}');
	$request->body = '{"a":2}';
	same([401, 'bad_signature', null], refused(function () use ($request) { guard()->check($request, NOW); }));
	$request = signed('POST');
	$request->method = 'GET';
	same([401, 'bad_signature', null], refused(function () use ($request) { guard()->check($request, NOW); }));
	$request = signed();
	$request->params['limit'] = '1';
	same([401, 'bad_signature', null], refused(function () use ($request) { guard()->check($request, NOW); }));
});

test('missing or malformed headers are bad_signature', function () {
	foreach (['x-oms-timestamp' => 'now', 'x-oms-nonce' => '', 'x-oms-signature' => strtoupper(str_repeat('ab', 32))] as $name => $value) {
		$request = signed();
		$request->headers[$name] = $value;
		same([401, 'bad_signature', null], refused(function () use ($request) { guard()->check($request, NOW); }), $name);
	}
});

test('300 seconds off is allowed, 301 is stale and says the shop\'s time', function () {
	guard()->check(signed('GET', '', NOW - 300), NOW);
	guard()->check(signed('GET', '', NOW + 300), NOW);
	same([401, 'stale_timestamp', null], refused(function () { guard()->check(signed('GET', '', NOW + 301), NOW); }));

	try {
		guard()->check(signed('GET', '', NOW - 301), NOW);
	} catch (ApiError $error) {
		same('2025-11-21T12:00:00Z', $error->body()['server_time']);
	}
});

test('a write with a used nonce is replayed for ten minutes, then free', function () {
	$store = new MemoryStore();
	guard([], $store)->check(signed('POST', '{}'), NOW);
	same([409, 'replayed', null], refused(function () use ($store) { guard([], $store)->check(signed('POST', '{}'), NOW + 1); }));
	same([409, 'replayed', null], refused(function () use ($store) { guard([], $store)->check(signed('POST', '{}', NOW + 500), NOW + 599); }));
	guard([], $store)->check(signed('POST', '{}', NOW + 600), NOW + 600);
});

test('a read may be repeated', function () {
	$store = new MemoryStore();
	guard([], $store)->check(signed(), NOW);
	guard([], $store)->check(signed(), NOW);
});

test('a disabled module says so before anything else', function () {
	same([403, 'disabled', null], refused(function () { guard(['enabled' => '0'])->check(signed(), NOW); }));
});

test('the allow-list takes addresses and ranges, old and new', function () {
	same(true, Signing::ipAllowed('', '203.0.113.7'));
	same(true, Signing::ipAllowed("198.51.100.1\n203.0.113.0/24", '203.0.113.7'));
	same(true, Signing::ipAllowed('203.0.113.4/30', '203.0.113.7'));
	same(false, Signing::ipAllowed('203.0.113.8/30', '203.0.113.7'));
	same(false, Signing::ipAllowed('203.0.113.8', '203.0.113.7'));
	same(true, Signing::ipAllowed('2001:db8::/32', '2001:db8:1::7'));
	same(false, Signing::ipAllowed('2001:db8::/32', '203.0.113.7'));
	same(false, Signing::ipAllowed('203.0.113.0/x', '203.0.113.7'));
	same([403, 'ip_not_allowed', null], refused(function () { guard(['allow_ips' => '198.51.100.1'])->check(signed(), NOW); }));
	same('', Signing::badIp("203.0.113.7, 2001:db8::/32\n10.0.0.0/8"));
	same('10.0.0.0/40', Signing::badIp('203.0.113.7 10.0.0.0/40'));
	same('shop.example', Signing::badIp('shop.example'));
});

test('the key before works for 24 hours after a rotation', function () {
	$settings = new Settings(null, ['enabled' => '1', 'secret_key' => KEY]);
	$new = $settings->rotate(NOW);
	same(64, strlen($new));
	same([$new, KEY], $settings->keys(NOW + 86399));
	same([$new], $settings->keys(NOW + 86400));
	$guard = new Guard($settings, new MemoryStore());
	$guard->check(signed('GET', '', NOW + 10, $new), NOW + 10);
	$guard->check(signed('GET', '', NOW + 10, KEY), NOW + 10);
	same([401, 'bad_signature', null], refused(function () use ($guard) { $guard->check(signed('GET', '', NOW + 86400, KEY), NOW + 86400); }));
});

test('wrong signatures are slowed down, right ones are not', function () {
	$store = new MemoryStore();
	$wrong = str_repeat('0', 64);

	for ($i = 0; $i < 30; $i++) {
		same([401, 'bad_signature', null], refused(function () use ($store, $wrong) { guard([], $store)->check(signed('GET', '', NOW, $wrong), NOW); }));
	}

	same([429, 'slow_down', null], refused(function () use ($store, $wrong) { guard([], $store)->check(signed('GET', '', NOW, $wrong), NOW); }));
	guard([], $store)->check(signed(), NOW);
});

test('the request budget answers slow_down with the seconds left, 0 means no limit', function () {
	$store = new MemoryStore();
	guard(['request_budget' => '1'], $store)->check(signed(), NOW + 10);

	try {
		guard(['request_budget' => '1'], $store)->check(signed(), NOW + 10);
		throw new Exception('not slowed down');
	} catch (ApiError $error) {
		same(429, $error->status());
		same(50, $error->body()['retry_after']);
	}

	guard(['request_budget' => '0'], $store)->check(signed(), NOW + 10);
});

// --- cursors and parameters --------------------------------------------------------------------------------

test('a cursor comes back as it went', function () {
	$cursor = Cursor::encode('orders', '2026-11-21 12:00:00', 7);
	same(1, preg_match('/^[A-Za-z0-9_-]+$/', $cursor));
	same(['2026-11-21 12:00:00', 7], Cursor::decode('orders', $cursor));
});

test('a foreign or broken cursor is bad_param', function () {
	same([400, 'bad_param', 'after'], refused(function () { Cursor::decode('products', Cursor::encode('orders', '2026-11-21 12:00:00', 7)); }));
	same([400, 'bad_param', 'after'], refused(function () { Cursor::decode('orders', 'nonsense'); }));
	same([400, 'bad_param', 'after'], refused(function () { Cursor::decode('orders', Cursor::encode('orders', "1' OR 1", 7)); }));
});

test('a page has at most limit rows and a cursor only when more follow', function () {
	$query = new Query(['limit' => '2']);
	$rows = [['k' => '2026-01-01 00:00:00', 'id' => 1], ['k' => '2026-01-01 00:00:00', 'id' => 2], ['k' => '2026-01-02 00:00:00', 'id' => 3]];
	$next = $query->page('orders', $rows, function (array $row) { return [$row['k'], $row['id']]; });
	same(2, count($rows));
	same(['2026-01-01 00:00:00', 2], Cursor::decode('orders', $next));
	same(null, $query->page('orders', $rows, function (array $row) { return [$row['k'], $row['id']]; }));
});

test('limits, lists of ids and times are checked', function () {
	same([400, 'bad_param', 'limit'], refused(function () { new Query(['limit' => '201']); }));
	same([400, 'bad_param', 'limit'], refused(function () { new Query(['limit' => '0']); }));
	same(50, (new Query([]))->limit);
	same([1, 2], (new Query(['ids' => '1,2']))->ids('ids'));
	same([400, 'bad_param', 'ids'], refused(function () { (new Query(['ids' => '1,x']))->ids('ids'); }));
	same([400, 'bad_param', 'ids'], refused(function () { (new Query(['ids' => implode(',', range(1, 201))]))->ids('ids'); }));
	same(NOW, (new Query(['modified_since' => '2025-11-21T12:00:00Z']))->time('modified_since'));
	same([400, 'bad_param', 'modified_since'], refused(function () { (new Query(['modified_since' => '2025-11-21 12:00:00']))->time('modified_since'); }));
	same([400, 'bad_param', 'modified_since'], refused(function () { (new Query(['modified_since' => '2025-02-31T12:00:00Z']))->time('modified_since'); }));
	same([400, 'bad_param', 'product_id'], refused(function () { (new Query([]))->whole('product_id', 0, 1, 9); }));
});

test('a body must be one JSON object', function () {
	foreach (['', '[]', '[1]', '"x"', '{', 'null'] as $body) {
		same([400, 'bad_json', null], refused(function () use ($body) { signed('POST', $body)->json(); }), $body);
	}

	same([], signed('POST', '{}')->json());
});

// --- products ----------------------------------------------------------------------------------------------

function option(int $id, string $type, bool $tracked, bool $required = true): array {
	return ['option_id' => $id, 'type' => $type, 'tracked' => $tracked, 'required' => $required];
}

test('kinds', function () {
	same('simple', Kind::of([], false));
	same('variants', Kind::of([option(1, 'select', true)], true));
	same('options', Kind::of([option(1, 'select', true)], false));
	same('options', Kind::of([option(1, 'radio', true), option(2, 'select', false)], false));
	same('options', Kind::of([option(1, 'select', true), option(2, 'text', false, false)], false));
	same('simple', Kind::of([option(1, 'select', false)], false));
	same('complex', Kind::of([option(1, 'select', true), option(2, 'radio', true)], false));
	same('complex', Kind::of([option(1, 'checkbox', true, false)], false));
	same('complex', Kind::of([option(1, 'checkbox', false)], false));
	same('complex', Kind::of([option(1, 'file', false)], false));
	same('complex', Kind::of([option(1, 'select', true), option(1, 'select', true)], false));
});

test('option prices are differences, both ways', function () {
	same('110.0000', Kind::childPrice('100.0000', '10.0000', '+'));
	same('90.5000', Kind::childPrice('100.0000', '9.5000', '-'));
	same('7.0000', Kind::childPrice('100.0000', '7.0000', '='));
	same(['10.0000', '+'], Kind::difference('100.0000', '110'));
	same(['0.0001', '-'], Kind::difference('100.0000', '99.9999'));
	same(['0.0000', '+'], Kind::difference('100.0000', '100.00'));
	same('99.9000', Kind::lowest(['100', '99.9', '101.0000']));
});

test('what makes a variant, and what its option values add to the price', function () {
	same([17, 18], Kind::variantValues('{"226":"17","227":18,"228":["1"],"229":""}'));
	same([], Kind::variantValues(''));
	$options = [['values' => [['product_option_value_id' => 17, 'prefix' => '+', 'price' => '2.0000'], ['product_option_value_id' => 18, 'prefix' => '-', 'price' => '0.5000']]]];
	same(20000, Kind::surcharge([17], $options));
	same(15000, Kind::surcharge([17, 18], $options));
	same(0, Kind::surcharge([99], $options));
});

test('money keeps its ten-thousandths', function () {
	same('0.3000', Decimal::text(Decimal::units('0.1') + Decimal::units('0.2')));
	same('-1.0500', Decimal::text(Decimal::units('-1.05')));
	same('12345678901.2345', Decimal::text(Decimal::units('12345678901.2345')));
	same('85.0000', Decimal::lessPercent('100.0000', '15.0000'));
	same('33.3333', Decimal::lessPercent('49.9999', '33.3333'));
});

test('a child SKU is its own or made from the parent', function () {
	same('OWN', Kind::childSku('OWN', 'TS', 'Tee', 31));
	same('TS-31', Kind::childSku('', 'TS', 'Tee', 31));
	same('Tee-31', Kind::childSku('', '', 'Tee', 31));
});

test('the special that counts: not over, lowest priority number, then lowest price', function () {
	$row = function (int $priority, string $price, string $from, string $to, string $type = 'F') {
		return ['product_id' => '1', 'priority' => (string)$priority, 'price' => $price, 'date_start' => $from, 'date_end' => $to, 'type' => $type];
	};
	$choose = function (array $rows) {
		$found = Specials::choose($rows, [1 => '100.0000'], '2026-11-21');

		return isset($found[1]) ? [$found[1]['price'], $found[1]['from'], $found[1]['to']] : null;
	};
	same(null, $choose([]));
	same(['90.0000', null, null], $choose([$row(1, '90.0000', '0000-00-00', '0000-00-00')]));
	same(null, $choose([$row(1, '90.0000', '0000-00-00', '2026-11-20')]));
	same(['90.0000', null, '2026-11-21'], $choose([$row(1, '90.0000', '0000-00-00', '2026-11-21')]));
	same(['95.0000', '2026-12-01', null], $choose([$row(2, '50.0000', '0000-00-00', '0000-00-00'), $row(1, '95.0000', '2026-12-01', '0000-00-00')]));
	same(['80.0000', null, null], $choose([$row(1, '90.0000', '0000-00-00', '0000-00-00'), $row(1, '80.0000', '0000-00-00', '0000-00-00')]));
	same(['85.0000', null, null], $choose([$row(1, '15.0000', '0000-00-00', '0000-00-00', 'P')]));
	same(['70.0000', null, null], $choose([$row(1, '30.0000', '0000-00-00', '0000-00-00', 'S')]));
});

test('text is decoded once and encoded as OpenCart does', function () {
	same('Tea & "Tee" <b>', Text::decode('Tea &amp; &quot;Tee&quot; &lt;b&gt;'));
	same('&nbsp;', Text::decode('&amp;nbsp;'));
	same('Tea &amp; &quot;Tee&quot; &lt;b&gt; it\'s', Text::encode('Tea & "Tee" <b> it\'s'));
	same("O'Lee", Text::decode('O&#039;Lee'));
	same('tea-tee-größe', Text::slug(' Tea & Tee: Größe! '));
	same('', Text::slug('!!!'));
});

// --- times -------------------------------------------------------------------------------------------------

test('store time to UTC, winter and summer', function () {
	$berlin = new Times('Europe/Berlin');
	same('2026-01-15T11:00:00Z', $berlin->toUtc('2026-01-15 12:00:00'));
	same('2026-07-15T10:00:00Z', $berlin->toUtc('2026-07-15 12:00:00'));
	same('2026-07-15T12:00:00Z', (new Times('UTC'))->toUtc('2026-07-15 12:00:00'));
	same('2026-07-15T06:30:00Z', (new Times('Asia/Kolkata'))->toUtc('2026-07-15 12:00:00'));
	same(null, $berlin->toUtc('0000-00-00 00:00:00'));
	same(null, $berlin->toUtc(null));
	same(null, $berlin->toUtc(''));
});

test('the hour that does not exist and the hour that comes twice', function () {
	$berlin = new Times('Europe/Berlin');
	same('2026-03-29T01:30:00Z', $berlin->toUtc('2026-03-29 02:30:00'), 'skipped hour');
	same('2026-10-25T00:30:00Z', $berlin->toUtc('2026-10-25 02:30:00'), 'repeated hour: first pass');
	same('2026-10-25T02:00:00Z', $berlin->toUtc('2026-10-25 03:00:00'));
});

test('comparing with wall time loses nothing when the clocks go back', function () {
	$berlin = new Times('Europe/Berlin');
	$since = strtotime('2026-10-25T00:50:00Z'); // 02:50 on the wall, summer
	same('2026-10-25 02:50:00', $berlin->lowestWall($since, strtotime('2026-10-25T00:55:00Z')));
	same('2026-10-25 02:00:00', $berlin->lowestWall($since, strtotime('2026-10-25T01:10:00Z')));
	same('2026-07-15 12:00:00', $berlin->lowestWall(strtotime('2026-07-15T10:00:00Z'), strtotime('2026-07-16T10:00:00Z')));
	same('2026-07-15 10:00:00', (new Times('UTC'))->lowestWall(strtotime('2026-07-15T10:00:00Z'), strtotime('2026-07-16T10:00:00Z')));
});

test('SQL for UTC knows the offset of each season', function () {
	$sql = (new Times('Europe/Berlin'))->utcSql('x', strtotime('2026-11-21T12:00:00Z'));
	same(true, strpos($sql, "WHEN x < '2026-03-29 02:00:00' THEN 3600") !== false, $sql);
	same(true, strpos($sql, "WHEN x < '2026-10-25 03:00:00' THEN 7200") !== false, $sql);
	same(true, strpos($sql, 'ELSE 3600 END) SECOND)') !== false, $sql);
	same('(x - INTERVAL 0 SECOND)', (new Times('UTC'))->utcSql('x', NOW));
});

test('wire times', function () {
	same('2025-11-21T12:00:00Z', Times::format(NOW));
	same('2025-11-21T12:00:00Z', Times::fromUtc('2025-11-21 12:00:00'));
	same(null, Times::fromUtc(null));
});

// --- orders ------------------------------------------------------------------------------------------------

test('an address, decoded, with its codes', function () {
	$row = ['payment_firstname' => 'Ann', 'payment_lastname' => 'O&#039;Lee &amp; Sons', 'payment_company' => '', 'payment_address_1' => '1 High Street', 'payment_address_2' => '', 'payment_city' => 'London', 'payment_postcode' => 'N1', 'payment_zone' => 'Greater London', 'payment_country' => 'United Kingdom'];
	same(
		['firstname' => 'Ann', 'lastname' => "O'Lee & Sons", 'company' => '', 'address_1' => '1 High Street', 'address_2' => '', 'city' => 'London', 'postcode' => 'N1', 'zone' => 'Greater London', 'zone_code' => 'LDN', 'country' => 'United Kingdom', 'iso2' => 'GB', 'iso3' => 'GBR'],
		OrderRows::address($row, 'payment', ['code' => 'LDN'], ['iso_code_2' => 'GB', 'iso_code_3' => 'GBR'])
	);
	same(null, OrderRows::address(array_map(function () { return ''; }, $row), 'payment', [], []));
});

test('methods: JSON in 4.x, two columns in 3.0, rubbish survives', function () {
	same(['name' => 'Flat Shipping Rate', 'code' => 'flat.flat', 'cost' => '5.0000'], OrderRows::method(['shipping_method' => '{"name":"Flat Shipping Rate","code":"flat.flat","cost":"5.00"}'], 'shipping'));
	same(['name' => 'Flat Shipping Rate', 'code' => 'flat.flat', 'cost' => null], OrderRows::method(['shipping_method' => 'Flat Shipping Rate', 'shipping_code' => 'flat.flat'], 'shipping'));
	same(['name' => 'Old text', 'code' => '', 'cost' => null], OrderRows::method(['shipping_method' => 'Old text'], 'shipping'));
	same(['name' => '', 'code' => '', 'cost' => null], OrderRows::method(['shipping_method' => ''], 'shipping'));
});

test('a line of a deleted product, with an option that is gone', function () {
	$line = OrderRows::line(
		['order_product_id' => '9', 'product_id' => '42', 'master_id' => '0', 'model' => 'Tee', 'name' => 'Tea &amp; Tee', 'quantity' => '2', 'price' => '100.0000', 'tax' => '20.0000', 'total' => '200.0000'],
		'',
		[['product_option_id' => '1', 'product_option_value_id' => '17', 'option_value_id' => null, 'name' => 'Size', 'value' => 'S &lt; M', 'type' => 'select']],
		null
	);
	same([9, 42, 0, '', 'Tee', 'Tea & Tee', 2, '100.0000', '20.0000', '200.0000', null, null], array_slice(array_values($line), 0, 12));
	same([['product_option_id' => 1, 'product_option_value_id' => 17, 'option_value_id' => null, 'name' => 'Size', 'value' => 'S < M', 'type' => 'select']], $line['options']);
});

test('an edit of the shop is seen once, when its status has followed', function () {
	foreach (['checkout/order.editOrder', 'checkout/order/editOrder'] as $edit) {
		$shop = new EditedShop();
		$make = function () use ($shop) { return $shop; };
		$history = str_replace('editOrder', 'addHistory', $edit);
		Events::before($make, [7], $edit);
		Events::before($make, [7], $history);
		$shop->status = 16; // OpenCart voids the order first
		Events::changed($make, [7], $history);
		same(['INSERT INTO oms_order_edit'], $shop->written, 'the voided moment is not recorded');
		Events::changed($make, [7], $edit);
		Events::before($make, [7], $history);
		$shop->status = 2;
		Events::changed($make, [7], $history);
		same(['INSERT INTO oms_order_edit', 'DELETE FROM oms_order_edit', 'INSERT INTO oms_order_change'], $shop->written);
		same(false, Edits::isOpen(7));
	}
});

test('an edit that no status follows is recorded as it stands when the request ends', function () {
	$shop = new EditedShop();
	$make = function () use ($shop) { return $shop; };
	Events::before($make, [8], 'checkout/order.editOrder');
	$shop->status = 16;
	Events::changed($make, [8], 'checkout/order.editOrder');
	(new Edits($shop))->finishAll();
	same(['INSERT INTO oms_order_edit', 'DELETE FROM oms_order_edit', 'INSERT INTO oms_order_change'], $shop->written);
});

test('a new status without an edit is recorded at once', function () {
	$shop = new EditedShop();
	$make = function () use ($shop) { return $shop; };
	Events::before($make, [9], 'checkout/order.addHistory');
	Events::changed($make, [9], 'checkout/order.addHistory');
	same(['INSERT INTO oms_order_change'], $shop->written);
	same(false, Edits::isEdit('checkout/order.editOrderStatusId'));
});

test('a line says whether it takes stock and whether it is shipped; unknown for a deleted product', function () {
	$row = ['order_product_id' => '9', 'product_id' => '42', 'model' => 'T', 'name' => 'Ticket', 'quantity' => '2', 'price' => '1', 'tax' => '0', 'total' => '2'];
	$facts = function (array $facts, $child = null) use ($row) {
		$line = OrderRows::line($row, '', [], $child, $facts);

		return [$line['subtract'], $line['shipping']];
	};
	same([true, false], $facts(['subtract' => '1', 'shipping' => '0']), 'a ticket');
	same([false, true], $facts(['subtract' => '0', 'shipping' => '1']));
	same([true, true], $facts(['subtract' => '0', 'shipping' => '1'], ['key' => '42-31', 'sku' => 'TS-31']), 'a stock-tracked option value');
	same([null, null], $facts([]));
});

test('a file option has the name of the file and a signed link; a file that is gone has none', function () {
	$option = ['product_option_id' => '1', 'product_option_value_id' => '0', 'option_value_id' => null, 'name' => 'Design', 'value' => 'abc', 'type' => 'file'];
	$row = ['order_product_id' => '9', 'product_id' => '42', 'model' => 'T', 'name' => 'Mug', 'quantity' => '1', 'price' => '1', 'tax' => '0', 'total' => '1'];
	$file = ['name' => 'logo.pdf', 'url' => 'https://shop.example/x'];
	same($file, OrderRows::line($row, '', [$option], null, [], ['abc' => $file])['options'][0]['file']);
	same(false, isset(OrderRows::line($row, '', [$option], null)['options'][0]['file']));
	same(hash_hmac('sha256', "file\nabc", KEY), Files::signature(KEY, 'abc'));
	$files = new Files(new EditedShop());
	same([], $files->of([]));
	$settings = new Settings(null, ['enabled' => '1', 'secret_key' => KEY]);
	same([401, 'bad_signature', null], refused(function () use ($files, $settings) { $files->open('abc', str_repeat('0', 64), $settings, NOW); }));
	same([401, 'bad_signature', null], refused(function () use ($files, $settings) { $files->open('', Files::signature(KEY, ''), $settings, NOW); }));
});

test('tracking goes below the comment, line by line', function () {
	same("Packed\nCarrier: DHL\nTracking number: 123\nhttps://dhl.example/123", OrderRows::comment('Packed', ['carrier' => 'DHL', 'number' => '123', 'url' => 'https://dhl.example/123']));
	same('Tracking number: 123', OrderRows::comment('', ['carrier' => '', 'number' => '123', 'url' => '']));
	same('', OrderRows::comment('', []));
});

// --- batches and input -------------------------------------------------------------------------------------

test('each item of a batch has its own answer, in order', function () {
	$answers = Batch::run(['items' => [['ref' => 'a', 'n' => 1], ['ref' => 'b', 'n' => -1], ['n' => 1], 'x', ['ref' => 'e', 'n' => 2]]], function (array $item) {
		return ['n' => Input::quantity($item['n'], 'n')];
	});
	same(['ref' => 'a', 'ok' => true, 'n' => 1], $answers[0]);
	same(['ref' => 'b', 'ok' => false, 'error' => ['code' => 'invalid', 'message' => 'Quantity must be a whole number, 0 or more.', 'field' => 'n']], $answers[1]);
	same([null, false, 'ref'], [$answers[2]['ref'], $answers[2]['ok'], $answers[2]['error']['field']]);
	same(false, $answers[3]['ok']);
	same(['ref' => 'e', 'ok' => true, 'n' => 2], $answers[4]);
});

test('a batch has 1 to 100 items', function () {
	$work = function () { return []; };

	foreach ([[], ['items' => []], ['items' => 'x'], ['items' => ['a' => 1]], ['items' => array_fill(0, 101, ['ref' => 'a'])]] as $data) {
		same([400, 'bad_param', 'items'], refused(function () use ($data, $work) { Batch::run($data, $work); }));
	}

	same(100, count(Batch::run(['items' => array_fill(0, 100, ['ref' => 'a'])], $work)));
});

test('numbers: negative, fractional and oversized quantities are refused', function () {
	foreach ([-1, 1.5, '1.5', 'x', null, true, 2147483648, '99999999999'] as $value) {
		same([422, 'invalid', 'quantity'], refused(function () use ($value) { Input::quantity($value, 'quantity'); }), var_export($value, true));
	}

	same(7, Input::quantity('7', 'quantity'));
	same('19.99', Input::decimal(19.99, 'price'));
	same('19.9900', Input::decimal('19.9900', 'price'));
	same('0', Input::decimal(0, 'price'));

	foreach (['-1', '1,5', '1.23456', 'x', null, [], true, '1e3'] as $value) {
		same([422, 'invalid', 'price'], refused(function () use ($value) { Input::decimal($value, 'price'); }), var_export($value, true));
	}
});

test('days, flags, refs and texts', function () {
	same(null, Input::day(null, 'd'));
	same('2026-02-28', Input::day('2026-02-28', 'd'));
	same([422, 'invalid', 'd'], refused(function () { Input::day('2026-02-30', 'd'); }));
	same([true, false, true], [Input::flag('1', 'f'), Input::flag(0, 'f'), Input::flag(true, 'f')]);
	same([422, 'invalid', 'f'], refused(function () { Input::flag('yes', 'f'); }));
	same([422, 'invalid', 'ref'], refused(function () { Input::ref(str_repeat('a', 65)); }));
	same([422, 'invalid', 'ref'], refused(function () { Input::ref("a\n"); }));
	same('größe', Input::text(' größe ', 't', 5));
	same([422, 'invalid', 't'], refused(function () { Input::text('größer', 't', 5); }));
	same([422, 'invalid', 't'], refused(function () { Input::text("\xff", 't', 5); }));
});

// --- database layer and versions ---------------------------------------------------------------------------

test('values are quoted, tables prefixed, values never read as names', function () {
	$db = new Db(new FakeDb(), 'oc_');
	same("SELECT * FROM `oc_product` WHERE a = 'x\\' :b {y}' AND b IN (1, 2) AND c = NULL AND d = 1", $db->bind('SELECT * FROM {product} WHERE a = :a AND b IN (:b) AND c = :c AND d = :d', ['a' => "x' :b {y}", 'b' => [1, 2], 'c' => null, 'd' => true]));
	same('x IN (NULL)', $db->bind('x IN (:ids)', ['ids' => []]));
});

test('OpenCart 3 gets no four-byte characters: they would cut the text off', function () {
	same("'Tea ?'", (new Db(new FakeDb(), 'oc_', false))->bind(':a', ['a' => "Tea \u{1F375}"]));
	same("'Tea \u{1F375}'", (new Db(new FakeDb(), 'oc_'))->bind(':a', ['a' => "Tea \u{1F375}"]));
});

test('a renamed admin folder is found, the storefront is not taken for it', function () {
	$root = sys_get_temp_dir() . '/oms_connect_' . bin2hex(random_bytes(4));

	foreach (['catalog/model/user/api.php', 'catalog/model/catalog/product.php', 'desk7/model/user/user_group.php'] as $file) {
		mkdir(dirname($root . '/' . $file), 0700, true);
		touch($root . '/' . $file);
	}

	define('DIR_OPENCART', $root . '/');
	$settings = new Settings(null, ['admin_dir' => $root . '/admin/']);
	same($root . '/desk7/', AdminDir::find($settings));
	same($root . '/desk7/', $settings->get('admin_dir'), 'noted for the next time');

	foreach (array_reverse(['', '/catalog', '/catalog/model', '/catalog/model/catalog', '/catalog/model/user', '/desk7', '/desk7/model', '/desk7/model/user']) as $dir) {
		array_map('unlink', array_filter(glob($root . $dir . '/*'), 'is_file'));
		rmdir($root . $dir);
	}
});

test('events have the form of each version', function () {
	same(['catalog/model/checkout/order/addOrderHistory/after', 'extension/oms_connect/event/afterHistory'], Schema::events('3.0.5.1')[1]);
	same(['catalog/model/checkout/order/addHistory/after', 'extension/oms_connect/event.afterHistory'], Schema::events('4.0.2.3')[1]);
	same(['catalog/model/checkout/order.addHistory/after', 'extension/oms_connect/event.afterHistory'], Schema::events('4.1.0.4')[1]);
});

test('every call of the contract is there, and no other', function () {
	$contract = file_get_contents(__DIR__ . '/../CONTRACT.md');

	foreach (array_keys(Api::CALLS) as $call) {
		same(true, strpos($contract, '`' . $call . '`') !== false, $call);
	}

	same(21, count(Api::CALLS));
});

test('the shared classes and OpenCart 3 controllers need no PHP newer than 7.3', function () {
	$newer = array_filter(array_map(function (string $name) {
		return defined($name) ? constant($name) : null;
	}, ['T_FN', 'T_MATCH', 'T_COALESCE_EQUAL', 'T_NULLSAFE_OBJECT_OPERATOR', 'T_ATTRIBUTE', 'T_ENUM', 'T_READONLY']));
	$functions = ['str_contains', 'str_starts_with', 'str_ends_with', 'array_is_list', 'get_debug_type', 'mb_str_split', 'fdiv', 'array_find', 'array_any'];
	$files = array_merge(glob(__DIR__ . '/../src/shared/*.php'), glob(__DIR__ . '/../src/oc3/system/*.php'), glob(__DIR__ . '/../src/oc3/*/controller/extension/*/*.php'));
	same(true, count($files) > 30);

	foreach ($files as $file) {
		$code = file_get_contents($file);
		$tokens = array_values(array_filter(token_get_all($code), function ($token) {
			return !is_array($token) || !in_array($token[0], [T_WHITESPACE, T_COMMENT, T_DOC_COMMENT], true);
		}));

		foreach ($tokens as $index => $token) {
			$next = $tokens[$index + 1] ?? null;
			$place = basename($file) . (is_array($token) ? ':' . $token[2] : '');

			if (is_array($token)) {
				same(false, in_array($token[0], $newer, true), 'syntax newer than 7.3 in ' . $place);
				same(false, $token[0] === T_STRING && $next === '(' && in_array(strtolower($token[1]), $functions, true), 'function newer than 7.3 in ' . $place);
				// A property with a type: private Db $db;
				same(false, in_array($token[0], [T_PRIVATE, T_PUBLIC, T_PROTECTED], true) && $next && is_array($next) && !in_array($next[0], [T_FUNCTION, T_STATIC, T_VARIABLE, T_CONST, T_ABSTRACT, T_FINAL], true), 'typed property in ' . $place);
				same(false, in_array(strtolower($token[1]), ['mixed', 'never'], true) && is_array($next) && $next[0] === T_VARIABLE, 'type newer than 7.3 in ' . $place);
			}
		}
	}
});

$failed = 0;

foreach ($tests as $name => $body) {
	try {
		$body();
	} catch (Throwable $error) {
		$failed++;
		echo 'FAILED ' . $name . "\n       " . $error->getMessage() . ' (' . basename($error->getFile()) . ':' . $error->getLine() . ")\n";
	}
}

echo count($tests) . ' tests, ' . $failed . " failed\n";
exit($failed ? 1 : 0);
