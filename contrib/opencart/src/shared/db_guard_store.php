<?php
// Part of oms_connect, the Manifold OMS extension for OpenCart. Licence: GPL-3.0-or-later.

namespace OmsConnect;

final class DbGuardStore implements GuardStore {
	/** @var Db */
	private $db;

	public function __construct(Db $db) {
		$this->db = $db;
	}

	public function hit(string $bucket, int $now): int {
		$minute = intdiv($now, 60);
		$this->db->run('INSERT INTO {oms_rate} (bucket, minute_no, hits) VALUES (:bucket, :minute, 1) ON DUPLICATE KEY UPDATE hits = IF(minute_no = VALUES(minute_no), hits + 1, 1), minute_no = VALUES(minute_no)', ['bucket' => $bucket, 'minute' => $minute]);

		return $this->hits($bucket, $now);
	}

	public function hits(string $bucket, int $now): int {
		return (int)$this->db->value('SELECT hits FROM {oms_rate} WHERE bucket = :bucket AND minute_no = :minute', ['bucket' => $bucket, 'minute' => intdiv($now, 60)]);
	}

	public function useNonce(string $nonce, int $now): bool {
		// A nonce older than the window may be used again; the time stamp keeps old requests out anyway.
		$this->db->run('DELETE FROM {oms_nonce} WHERE seen_at < :old', ['old' => $now - Guard::NONCE_SECONDS]);
		$this->db->run('DELETE FROM {oms_rate} WHERE minute_no < :old', ['old' => intdiv($now, 60) - 60]);
		$this->db->run('INSERT IGNORE INTO {oms_nonce} (nonce, seen_at) VALUES (:nonce, :now)', ['nonce' => $nonce, 'now' => $now]);

		return $this->db->affected() === 1;
	}
}
