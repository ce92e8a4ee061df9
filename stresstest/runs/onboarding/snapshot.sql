-- A complete snapshot of a made-up venue, one statement for each table. Run it in the folder of run.yaml:
--     python -c "import duckdb; duckdb.sql(open('snapshot.sql').read())"
-- To load your own book, put a SELECT from your own tables in the place of each list of rows, and keep the names of the columns.
-- All columns, with types and units: stresstest schema positions (assets, instruments, ...), or docs/formats.md.

-- What everything is priced in, and when. The reporting currency (here USD) needs no row in assets.
COPY (SELECT '2026-11-13T21:00:00Z' AS as_of, 'USD' AS reporting_currency) TO 'snapshot/snapshot.json' (FORMAT JSON);

-- Everything held as collateral, followed, quoted or settled in. Schedules are those of margin.yaml.
COPY (
    SELECT * FROM (VALUES
        ('BTC',  92000.0, 'crypto',     'coins',   [],             TIMESTAMPTZ '2026-11-13 20:59:55Z'),
        ('ETH',   3200.0, 'crypto',     'coins',   [],             TIMESTAMPTZ '2026-11-13 20:59:55Z'),
        ('USDC',     1.0, 'stablecoin', 'dollars', ['stablecoin'], TIMESTAMPTZ '2026-11-13 20:59:55Z')
    ) AS rows(asset, price, asset_class, collateral_schedule, tags, price_time)
) TO 'snapshot/assets.parquet' (FORMAT PARQUET);

-- What positions are held in. One contract is contract_size units of the underlying; prices are in the quote asset.
COPY (
    SELECT * FROM (VALUES
        ('BTC-PERP',            'perpetual', 'BTC', 'USDC', 1.0, 92000.0, NULL,                                NULL,    NULL,  'majors', TIMESTAMPTZ '2026-11-13 20:59:58Z'),
        ('ETH-PERP',            'perpetual', 'ETH', 'USDC', 1.0,  3200.0, NULL,                                NULL,    NULL,  'majors', TIMESTAMPTZ '2026-11-13 20:59:58Z'),
        ('BTC-25DEC26-80000-P', 'option',    'BTC', 'USDC', 1.0,  1350.0, TIMESTAMPTZ '2026-12-25 08:00:00Z', 80000.0, 'put', 'majors', TIMESTAMPTZ '2026-11-13 20:59:40Z')
    ) AS rows(instrument_id, kind, underlying, quote, contract_size, mark_price, expiry, strike, option_type, margin_schedule, price_time)
) TO 'snapshot/instruments.parquet' (FORMAT PARQUET);

-- Margin accounts and who owns them. margin_model names a model of margin.yaml.
COPY (
    SELECT * FROM (VALUES
        ('alpha-1', 'alpha', 'Alpha Trading, account 1', 'trading firm', 'default'),
        ('alpha-2', 'alpha', 'Alpha Trading, account 2', 'trading firm', 'default'),
        ('beta-1',  'beta',  'Beta Capital',             'fund',         'default'),
        ('gamma-1', 'gamma', 'Gamma',                    'retail',       'default')
    ) AS rows(account_id, owner_id, name, segment, margin_model)
) TO 'snapshot/accounts.parquet' (FORMAT PARQUET);

-- Optional: what owners have paid into the default fund.
COPY (
    SELECT * FROM (VALUES ('alpha', 50000.0), ('beta', 25000.0), ('gamma', 0.0)) AS rows(owner_id, default_fund_contribution)
) TO 'snapshot/owners.parquet' (FORMAT PARQUET);

-- Contracts held: plus = long, minus = short. P&L runs from entry_price; an isolated position has margin of its own.
COPY (
    SELECT * FROM (VALUES
        ('alpha-1', 'BTC-PERP',             2.0, 88000.0, 'cross',    NULL),
        ('alpha-1', 'ETH-PERP',           -40.0,  3300.0, 'cross',    NULL),
        ('alpha-2', 'BTC-25DEC26-80000-P',  3.0,  1350.0, 'cross',    NULL),
        ('beta-1',  'BTC-PERP',            -1.5, 95000.0, 'cross',    NULL),
        ('beta-1',  'BTC-25DEC26-80000-P', -4.0,  1600.0, 'cross',    NULL),
        ('gamma-1', 'ETH-PERP',             5.0,  3150.0, 'isolated', 4000.0)
    ) AS rows(account_id, instrument_id, quantity, entry_price, margin_mode, isolated_margin)
) TO 'snapshot/positions.parquet' (FORMAT PARQUET);

-- Balances posted: plus = deposit, minus = borrow; location is where they are held.
COPY (
    SELECT * FROM (VALUES
        ('alpha-1', 'USDC', 90000.0, 'custodian-a'),
        ('alpha-1', 'BTC',      0.5, 'custodian-a'),
        ('alpha-2', 'USD',   5000.0, 'bank'),
        ('beta-1',  'USDC', 150000.0, 'bridge-x'),
        ('gamma-1', 'ETH',      1.0, 'custodian-a')
    ) AS rows(account_id, asset, quantity, location)
) TO 'snapshot/collateral.parquet' (FORMAT PARQUET);
