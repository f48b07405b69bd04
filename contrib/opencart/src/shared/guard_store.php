<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

/** What the guard must remember between requests. */
interface GuardStore {
	/** Counts one more in this minute and gives the count. */
	public function hit(string $bucket, int $now): int;

	/** The count in this minute. */
	public function hits(string $bucket, int $now): int;

	/** False when the nonce was used in the last ten minutes; else remembers it. */
	public function useNonce(string $nonce, int $now): bool;
}
