import type { Alias } from '../../domain/users/identity.ts';

/** One made-up user. The same number is always the same person. */
export interface Person {
  readonly externalId: string | null;
  readonly aliases: readonly Alias[];
  readonly deviceIds: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
}

const FIRST_NAMES =
  'Ada,Amara,Anh,Björn,Carlos,Chidi,Dana,Elif,Emeka,Fatima,Grace,Hana,Ines,Ivan,Joan,Jun,Kofi,Lea,Lin,Mateo,Mei,Nadia,Noor,Olga,Priya,Rosa,Sami,Tariq,Yuki,Zoe'.split(
    ',',
  );
const LAST_NAMES =
  'Abe,Andersson,Bauer,Costa,Diallo,Evans,Fischer,García,Haddad,Ivanova,Jensen,Kim,Khan,Lopez,Moreau,Nakamura,Nguyen,Okafor,Patel,Rossi,Silva,Tanaka,Weber,Yılmaz'.split(
    ',',
  );
const COUNTRIES = 'US,US,US,DE,DE,BR,IN,IN,JP,FR,GB,NG,MX,ES,TR'.split(',');
const PLANS = 'free,free,free,plus,plus,pro'.split(',');
const PLATFORMS = 'ios,ios,android,android,web'.split(',');

/** Shares of the people: the rest is known by a device only. */
const IDENTIFIED = 0.62;
const ALIAS_ONLY = 0.08;

/** A generator of numbers from 0 to 1 that a seed determines (mulberry32). */
export function dice(...seeds: readonly number[]): () => number {
  let state = seeds.reduce((mixed, seed) => Math.imul(mixed ^ seed, 0x9e3779b1) + 0x6d2b79f5, 1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The person of a number. Numbers beyond those that were loaded are people nobody knows yet. */
export function personOf(number: number): Person {
  const roll = dice(number);
  const share = roll();
  const isIdentified = share < IDENTIFIED;
  const isAliased = isIdentified ? roll() < 0.45 : share < IDENTIFIED + ALIAS_ONLY;
  const devices = isIdentified || !isAliased ? 1 + Math.floor(roll() * 1.4) : 0;
  return {
    externalId: isIdentified ? `usr_${hex(roll, 12)}` : null,
    aliases: isAliased ? [{ label: 'crm', name: `C-${String(1_000_000 + number)}` }] : [],
    deviceIds: Array.from({ length: devices }, () => deviceId(roll)),
    attributes: {
      ...(isIdentified
        ? { name: `${pick(FIRST_NAMES, roll)} ${pick(LAST_NAMES, roll)}`, plan: pick(PLANS, roll) }
        : {}),
      country: pick(COUNTRIES, roll),
      platform: pick(PLATFORMS, roll),
    },
  };
}

function pick(list: readonly string[], roll: () => number): string {
  return list[Math.floor(roll() * list.length)] ?? '';
}

function hex(roll: () => number, digits: number): string {
  let out = '';
  while (out.length < digits)
    out += Math.floor(roll() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return out.slice(0, digits);
}

function deviceId(roll: () => number): string {
  return hex(roll, 32)
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    .toUpperCase();
}
