with labels as (

    select * from {{ ref('stg_labels') }}

),

-- of one labeller the latest counts; a person who looked goes before a file, and that before what became of the text
latest as (

    select
        *,
        row_number() over (
            partition by pattern_id, exact_hash, source, labelled_by
            order by labelled_at desc, label_id
        ) as nth,
        case source when 'review' then 0 when 'file' then 1 else 2 end as precedence
    from labels

),

ranked as (

    select
        *,
        min(precedence) over (partition by pattern_id, exact_hash) as best
    from latest
    where nth = 1

),

agreed as (

    select
        pattern_id,
        exact_hash,
        min(source) as source,
        bool_and(is_fit) as is_fit,
        count(*) as n_labellers
    from ranked
    where precedence = best
    group by pattern_id, exact_hash
    having bool_and(is_fit) = bool_or(is_fit)

)

select * from agreed
