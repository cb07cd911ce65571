with texts as (

    select * from {{ ref('text_verdicts') }}

),

patterns as (

    select * from {{ ref('stg_patterns') }}

),

-- a pattern is as good as the worst of its texts: whoever reuses it by its shape may get any of them
ranked as (

    select
        *,
        row_number() over (
            partition by pattern_id
            order by
                case outcome when 'reject' then 0 when 'needs_review' then 1 else 2 end,
                probability nulls last,
                exact_hash
        ) as nth,
        count(*) over (partition by pattern_id) as n_texts,
        count(*) filter (where outcome = 'reject') over (partition by pattern_id) as n_rejected_texts
    from texts

),

places as (

    select
        pattern_id,
        count(*) as n_places,
        count(distinct repo_id) as n_repositories
    from {{ ref('int_live_places') }}
    group by pattern_id

),

joined as (

    select
        ranked.pattern_id,
        patterns.language,
        patterns.kind,
        patterns.name,
        patterns.signature,
        places.n_places,
        places.n_repositories,
        ranked.n_texts,
        ranked.n_rejected_texts,
        ranked.exact_hash as worst_text,
        ranked.outcome,
        ranked.previous_outcome,
        ranked.probability,
        ranked.decision,
        ranked.agreement,
        ranked.n_pass,
        ranked.n_fail,
        ranked.n_abstain,
        ranked.n_families,
        ranked.reason,
        ranked.decided_at,
        ranked.unknown_reason
    from ranked
    inner join patterns on ranked.pattern_id = patterns.pattern_id
    inner join places on ranked.pattern_id = places.pattern_id
    where ranked.nth = 1

)

select * from joined
