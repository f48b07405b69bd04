<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** What the caller did wrong or must do next: HTTP status, code and sentence of CONTRACT.md section 3. */
final class ApiError extends \Exception {
	/** @var int */
	private $status;
	/** @var string */
	private $name;
	/** @var array */
	private $extra;

	public function __construct(int $status, string $name, string $message, array $extra = []) {
		parent::__construct($message);
		$this->status = $status;
		$this->name = $name;
		$this->extra = $extra;
	}

	public function status(): int {
		return $this->status;
	}

	public function name(): string {
		return $this->name;
	}

	public function extra(): array {
		return $this->extra;
	}

	/** The `error` object of the answer. */
	public function body(): array {
		return ['code' => $this->name, 'message' => $this->getMessage()] + $this->extra;
	}

	public static function param(string $field, string $message): self {
		return new self(400, 'bad_param', $message, ['field' => $field]);
	}

	public static function invalid(string $field, string $message): self {
		return new self(422, 'invalid', $message, ['field' => $field]);
	}

	public static function noProduct(string $field, string $id): self {
		return new self(404, 'no_such_product', 'No product has ' . str_replace('_', ' ', $field) . ' ' . $id . '.', ['field' => $field]);
	}

	public static function noOrder(string $id): self {
		return new self(404, 'no_such_order', 'No order has number ' . $id . '.', ['field' => 'order_id']);
	}
}
