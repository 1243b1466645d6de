create table holders (
    account bigint not null,
    person text not null,
    rank smallint,
    primary key (account, person)
);
create unique index holders_first on holders (account) where rank = 1;
