with verdicts as (

    select * from {{ ref('int_verdict_periods') }}
    where is_in_force and probability is not null

),

labels as (

    select * from {{ ref('int_labels_in_force') }}

),

binned as (

    select
        least(floor(verdicts.probability::numeric * 10), 9)::int as bin,
        count(*) as n_texts,
        avg(verdicts.probability)::double precision as mean_probability,
        avg(labels.is_fit::int)::double precision as share_fit
    from verdicts
    inner join labels on verdicts.pattern_id = labels.pattern_id and verdicts.exact_hash = labels.exact_hash
    group by least(floor(verdicts.probability::numeric * 10), 9)::int

)

select * from binned
